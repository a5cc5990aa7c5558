//! What is shipped beside the program agrees with it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::Path;
use swarmscope::config::{Config, DEFAULT_FILE};

const EXAMPLE: &str = include_str!("../packaging/swarmscope.yaml");
const UNIT: &str = include_str!("../packaging/swarmscope.service");

#[test]
fn the_example_says_what_holds_without_it() {
    let config = Config::parse(Path::new("packaging/swarmscope.yaml"), EXAMPLE).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn the_example_names_every_setting() {
    let words = |text: &str| -> Vec<String> {
        let setting = |line: &str| {
            let (name, _) = line.split_once(':')?;
            (!line.trim_start().starts_with(['#', '-'])).then(|| name.to_owned())
        };
        text.lines().filter_map(setting).collect()
    };
    assert_eq!(words(EXAMPLE), words(&Config::default().to_yaml().unwrap()));
}

#[test]
fn the_unit_reads_the_file_that_is_the_default() {
    assert!(UNIT.contains(&format!("\nExecStart=/usr/bin/swarmscope watch --config {DEFAULT_FILE}\n")));
}
