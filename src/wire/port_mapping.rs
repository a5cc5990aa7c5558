//! port_mapping
