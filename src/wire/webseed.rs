//! webseed
