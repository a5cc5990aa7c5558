//! The page in the browser: one document, one script, one style sheet, no outside assets, no build step.
//!
//! The script is its parts in this order, one behind the other: each only uses names of those before it, or at run time.
//! It reads the HTTP API and nothing else; served with `Content-Security-Policy: default-src 'self'` it works unchanged.
//! To add a view, add a file and one line below.

/// The document, for `/`.
pub const DOCUMENT: &str = include_str!("index.html");

/// The style sheet, for `/assets/app.css`.
pub const STYLE: &str = include_str!("app.css");

/// The script, for `/assets/app.js`.
pub const SCRIPT: &str = concat!(
    include_str!("words.js"),
    include_str!("format.js"),
    include_str!("dom.js"),
    include_str!("parts.js"),
    include_str!("table.js"),
    include_str!("chart.js"),
    include_str!("overview.js"),
    include_str!("hosts.js"),
    include_str!("host.js"),
    include_str!("torrents.js"),
    include_str!("flows.js"),
    include_str!("findings.js"),
    include_str!("sensor.js"),
    include_str!("app.js"),
);
