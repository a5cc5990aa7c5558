//! upnp
