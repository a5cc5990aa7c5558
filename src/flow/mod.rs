//! Keeps one worker's flows, puts TCP bytes and uTP packets in order, ends flows by packet time.
//!
//! This room knows no protocol above TCP and UDP: [`FlowTable`] is generic over what the room above keeps per flow, and
//! the assemblers hand out ordered bytes and gaps without a look at them. Nothing here reads a clock; packets bring time.

mod assembler;
mod index;
mod key;
mod slot;
mod table;
mod utp_order;
mod view;

pub use assembler::{Assembler, Piece};
pub use table::FlowTable;
pub use utp_order::{UtpOrder, UtpOrders};
pub use view::{EndCause, Ended, Flow, FlowId, FlowLimits, Sought, TableCounters, Touch};
