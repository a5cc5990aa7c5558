//! krpc
