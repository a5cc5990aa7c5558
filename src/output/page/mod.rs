//! The page in the browser: one document, one script, one style sheet, no outside assets.

/// The document, for `/`.
pub const DOCUMENT: &str = include_str!("index.html");

/// The style sheet, for `/assets/app.css`.
pub const STYLE: &str = include_str!("app.css");

/// The script, for `/assets/app.js`.
pub const SCRIPT: &str = include_str!("app.js");
