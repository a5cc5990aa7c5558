//! The targets over what a person writes: rules and configuration, both YAML (1.2). A file may be damaged or come from
//! elsewhere; it is refused with a place, never with a crash.

use std::path::Path;
use swarmscope::config::Config;
use swarmscope::policy::RuleSet;

/// Rules are taken as a whole or refused with reasons, the same ones each time.
pub fn rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A list in a file of its own may be any file of this machine.
    if text.contains("file:") {
        return;
    }
    let read = || RuleSet::parse("rules.yaml", &text, Path::new("no-such-folder"));
    match (read(), read()) {
        (Ok(_), Ok(_)) => {}
        (Err(problems), Err(again)) => {
            assert!(!problems.is_empty(), "refused without a reason");
            let told = |all: &[swarmscope::policy::Problem]| -> Vec<String> {
                all.iter().map(ToString::to_string).collect()
            };
            assert_eq!(told(&problems), told(&again));
            for problem in told(&problems) {
                assert!(problem.starts_with("rules.yaml"), "{problem}");
            }
        }
        _ => panic!("taken once and refused once"),
    }
}

/// A configuration that was taken, written out and read again is the same.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let file = Path::new("swarmscope.yaml");
    match Config::parse(file, &text) {
        Ok(config) => {
            let written = config.to_yaml().unwrap();
            let again = Config::parse(file, &written).unwrap();
            assert_eq!(again, config, "{written}");
        }
        Err(error) => assert!(error.to_string().contains("swarmscope.yaml"), "{error}"),
    }
}
