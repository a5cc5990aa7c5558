//! The page's files: its words are the program's words, and nothing in them could break its content security policy.
//!
//! What the page does in a browser, `tests/page/run` checks.

use swarmscope::event::{Encryption, Family, Grade, Kind, Reason};
use swarmscope::frame::Skip;
use swarmscope::output::page::ASSETS;

fn body(path: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.path == path).map_or("", |asset| asset.body)
}

#[test]
fn every_word_is_explained_as_the_program_does() {
    let script = body("/assets/app.js");
    for reason in Reason::ALL {
        let (word, sentence) = (reason.label(), reason.sentence());
        assert!(
            script.contains(&format!("\"{word}\": \"{sentence}\"")),
            "words.js explains `{word}` otherwise"
        );
    }
    for kind in Kind::ALL.iter().filter(|kind| kind.family() == Family::Bittorrent) {
        assert!(script.contains(&format!("\"{}\"", kind.label())), "words.js lacks `{}`", kind.label());
    }
    let keys = Grade::ALL.iter().map(|grade| grade.label()).chain(Encryption::ALL.iter().map(|e| e.label()));
    let skips =
        Skip::ALL.iter().map(|skip| skip.label()).chain(["fragment", "duplicate", "icmp_unreachable"]);
    for word in keys.chain(skips) {
        let (plain, quoted) = (format!("\n  {word}: \""), format!("\n  \"{word}\": \""));
        assert!(script.contains(&plain) || script.contains(&quoted), "words.js does not explain `{word}`");
    }
}

#[test]
fn no_name_from_the_network_can_become_markup() {
    let script = body("/assets/app.js");
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
        assert!(!script.contains(way), "the script uses {way}");
    }
}

#[test]
fn the_document_keeps_to_its_own_files() {
    let document = body("/");
    for breach in
        ["<style", " style=", "javascript:", "http:", "https:", "//", " onload=", " onclick=", "data:"]
    {
        assert!(!document.contains(breach), "the document holds `{breach}`");
    }
    for script in document.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/assets/app.js\" defer></script>"), "an inline script");
    }
    for (at, _) in document.match_indices("/assets/") {
        let path = document.get(at..).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert!(ASSETS.iter().any(|asset| asset.path == path), "{path} is not served");
    }
    for outside in ["url(", "@import", "http"] {
        assert!(!body("/assets/app.css").contains(outside), "the style sheet holds `{outside}`");
    }
}
