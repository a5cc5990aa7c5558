//! node_id
