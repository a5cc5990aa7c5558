//! What the keeper's thread and the HTTP thread share of a running sensor.

mod sensor;

pub use sensor::{InterfaceStatus, Item, OutputStatus, PolicyStatus, SensorStatus, TableFill};
