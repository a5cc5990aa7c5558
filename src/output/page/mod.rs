//! The page in the browser: one document, one script, one style sheet, no outside assets, no build step.
//!
//! It reads the HTTP API and nothing else; served with `Content-Security-Policy: default-src 'self'` it works unchanged. The
//! script is its parts one behind the other, each with names of those before it, or at run time of all: to add a view, add
//! a file, and a line in `SCRIPT` and in the routes of `app.js`. `tests/page/run` drives it in a real browser.

/// The document, for `/`.
pub const DOCUMENT: &str = include_str!("index.html");

/// The style sheet, for `/assets/app.css`.
pub const STYLE: &str = include_str!("app.css");

/// The icon of the browser's tab, for `/assets/icon.svg`: `image/svg+xml`.
pub const ICON: &str = include_str!("icon.svg");

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
