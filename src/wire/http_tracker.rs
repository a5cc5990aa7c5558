//! http_tracker
