//! `swarmscope rules`: reads rules, lists them, runs their tests.

use super::arguments::{RulesArguments, RulesCommand};
use super::exit::{Exit, Failure, say};
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use swarmscope::ledger::Allowed;
use swarmscope::pipeline::{AnalyzeError, rule_test};
use swarmscope::policy::{Case, Problem, RuleSet};

/// Problems told of a folder, at most: after so many, nobody reads on.
const TOLD_MAX: usize = 50;
/// Bytes of the list of what is allowed, at most.
const ALLOWED_MAX: u64 = 32 << 20;

/// Runs the command.
pub(crate) fn run(arguments: &RulesArguments) -> Result<Exit, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match &arguments.command {
        RulesCommand::Check { paths } => {
            let set = load(paths)?;
            writeln!(out, "{}", described(&set))
        }
        RulesCommand::List { paths } => list(&load(paths)?, &mut out),
        RulesCommand::Test { paths } => return test(paths, &mut out),
    };
    done.and_then(|()| out.flush()).map_err(|error| Failure::writing("the rules", &error))?;
    Ok(Exit::Done)
}

/// Reads rules; what is wrong with them is told line by line.
pub(super) fn load(paths: &[PathBuf]) -> Result<RuleSet, Failure> {
    RuleSet::load(paths).map_err(|problems| refuse(&problems))
}

/// Reads the list of what is allowed; nothing is without one.
pub(super) fn allowed(path: Option<&Path>) -> Result<Arc<Allowed>, Failure> {
    let Some(path) = path else { return Ok(Arc::default()) };
    let name = path.display();
    let wrong = |what: String| Failure::usage(format!("{name}: {what}"));
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !size.is_file() || size.len() > ALLOWED_MAX {
        return Err(wrong(format!("is not a file of at most {ALLOWED_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Allowed::parse(&text).map(Arc::new).map_err(wrong)
}

fn refuse(problems: &[Problem]) -> Failure {
    problems.iter().take(TOLD_MAX).for_each(|problem| say("error", &problem.to_string()));
    let n = problems.len();
    if n > TOLD_MAX {
        say("error", &format!("and {} more", n - TOLD_MAX));
    }
    Failure::usage(format!("{n} {} in the rules", if n == 1 { "problem" } else { "problems" }))
}

fn described(set: &RuleSet) -> String {
    let files: BTreeSet<&str> = set.rules.iter().map(|r| r.file.as_str()).collect();
    format!("{} rules in {} files: fine", set.rules.len(), files.len())
}

fn list(set: &RuleSet, out: &mut impl Write) -> io::Result<()> {
    let width = set.rules.iter().map(|r| r.name.len()).max().unwrap_or_default();
    for rule in &set.rules {
        let (severity, subject) = (rule.severity.label(), rule.subject.label());
        writeln!(
            out,
            "{:>10}  {:width$}  {severity:8}  {subject:8}  {}",
            rule.id, rule.name, rule.description
        )?;
    }
    Ok(())
}

fn test(paths: &[PathBuf], out: &mut impl Write) -> Result<Exit, Failure> {
    let writing = |error| Failure::writing("the results", &error);
    let (mut passed, mut failed) = (0, 0);
    for file in test_files(paths)? {
        for case in Case::load(&file).map_err(|problems| refuse(&problems))? {
            let wrong = rule_test(&case).map_err(|error| match error {
                AnalyzeError::Usage(text) => Failure::Usage(text),
                AnalyzeError::Failed(text) => Failure::Run(text),
            })?;
            let result = if wrong.is_empty() { "ok" } else { "FAILED" };
            writeln!(out, "{result:6}  {}: {}", file.display(), case.name).map_err(writing)?;
            for line in &wrong {
                writeln!(out, "          {line}").map_err(writing)?;
            }
            if wrong.is_empty() { passed += 1 } else { failed += 1 }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed").map_err(writing)?;
    out.flush().map_err(writing)?;
    if failed > 0 { Err(Failure::Run(format!("{failed} rule tests failed"))) } else { Ok(Exit::Done) }
}

fn test_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = |e: io::Error| Failure::usage(format!("{}: cannot be read: {e}", path.display()));
        for entry in path.read_dir().map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            if file.is_file() && file.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                files.push(file);
            }
        }
    }
    files.sort();
    if files.is_empty() { Err(Failure::usage("there are no rule tests (*.yaml)")) } else { Ok(files) }
}
