//! The page's files: its words are the program's words, and nothing in them could break its content security policy.
//!
//! What the page does in a browser, `tests/page/run` checks.

use swarmscope::event::{Encryption, Family, Grade, Kind, Reason};
use swarmscope::frame::Skip;
use swarmscope::output::page::{DOCUMENT, ICON, SCRIPT, STYLE};

/// What is served where.
const SERVED: [&str; 3] = ["/assets/app.css", "/assets/app.js", "/assets/icon.svg"];

#[test]
fn every_word_is_explained_as_the_program_does() {
    for reason in Reason::ALL {
        let (word, sentence) = (reason.label(), reason.sentence());
        assert!(
            SCRIPT.contains(&format!("\"{word}\": \"{sentence}\"")),
            "words.js explains `{word}` otherwise"
        );
    }
    for kind in Kind::ALL.iter().filter(|kind| kind.family() == Family::Bittorrent) {
        assert!(SCRIPT.contains(&format!("\"{}\"", kind.label())), "words.js lacks `{}`", kind.label());
    }
    let keys = Grade::ALL.iter().map(|grade| grade.label()).chain(Encryption::ALL.iter().map(|e| e.label()));
    let skips =
        Skip::ALL.iter().map(|skip| skip.label()).chain(["fragment", "duplicate", "icmp_unreachable"]);
    for word in keys.chain(skips) {
        let (plain, quoted) = (format!("\n  {word}: \""), format!("\n  \"{word}\": \""));
        assert!(SCRIPT.contains(&plain) || SCRIPT.contains(&quoted), "words.js does not explain `{word}`");
    }
}

#[test]
fn no_name_from_the_network_can_become_markup() {
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "eval(",
        "new Function",
        "setTimeout(\"",
    ] {
        assert!(!SCRIPT.contains(way), "the script uses {way}");
    }
}

#[test]
fn the_document_keeps_to_its_own_files() {
    for breach in
        ["<style", " style=", "javascript:", "http:", "https:", "//", " onload=", " onclick=", "data:"]
    {
        assert!(!DOCUMENT.contains(breach), "the document holds `{breach}`");
    }
    for script in DOCUMENT.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/assets/app.js\" defer></script>"), "an inline script");
    }
    for (at, _) in DOCUMENT.match_indices("/assets/") {
        let path = DOCUMENT.get(at..).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert!(SERVED.contains(&path), "{path} is not served");
    }
    assert!(!ICON.contains("<script"), "the icon holds a script");
    for outside in ["url(", "@import", "http"] {
        assert!(!STYLE.contains(outside), "the style sheet holds `{outside}`");
    }
}
