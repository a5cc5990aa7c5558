//! lsd
