//! Speaks with the operating system as a service does: gives rights up, hears signals, reports to the service manager.
//!
//! It knows nothing of packets. What it does concerns the whole process, so only the binary uses it, before it starts
//! a thread.

mod privileges;
mod service;
mod signals;

pub use privileges::{Identity, KeepNetRaw, PrivilegeError, give_up_privileges};
pub use service::Service;
pub use signals::Signals;
