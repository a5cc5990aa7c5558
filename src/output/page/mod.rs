//! The page in the browser: one document, one script, one style sheet, no outside assets, no build step.
//!
//! It reads the HTTP API and nothing else; served with `Content-Security-Policy: default-src 'self'` it works unchanged. The
//! script is its parts one behind the other, each with names of those before it, or at run time of all: to add a view, add
//! a file, and a line in `SCRIPT` and in the routes of `app.js`. `tests/page/run` drives it in a real browser.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is served.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub media_type: &'static str,
    /// What it holds.
    pub body: &'static str,
}

/// All there is to serve, under fixed names.
pub const ASSETS: [Asset; 4] = [
    Asset { path: "/", media_type: "text/html; charset=utf-8", body: include_str!("index.html") },
    Asset { path: "/assets/app.css", media_type: "text/css; charset=utf-8", body: include_str!("app.css") },
    Asset { path: "/assets/app.js", media_type: "text/javascript; charset=utf-8", body: SCRIPT },
    Asset { path: "/assets/icon.svg", media_type: "image/svg+xml", body: include_str!("icon.svg") },
];

const SCRIPT: &str = concat!(
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
