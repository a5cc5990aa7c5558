//! udp_tracker
