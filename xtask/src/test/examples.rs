//! Runs every example to its end.
//!
//! Each binary and example of package `examples` must end well within the limit. Those that serve until
//! they are stopped are named in `package.metadata.xtask.endless` of its `Cargo.toml`; they are built only.

use super::tally::Tally;
use crate::error::TaskError;
use crate::output;
use crate::program::{Ended, Program};
use crate::workspace::{Package, Workspace};
use std::path::PathBuf;
use std::time::Duration;

/// How long an example may run.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Eq, PartialEq)]
struct Example {
    name: String,
    path: PathBuf,
}

pub(crate) fn run(workspace: &Workspace, total: &mut Tally) -> Result<(), TaskError> {
    let Some(package) = workspace.packages.iter().find(|package| package.name == "examples") else {
        return Ok(());
    };
    let build = ["build", "--quiet", "--package", "examples", "--bins", "--examples"];
    if Program::cargo().args(build).stream(None, output::say)? != Ended::Well {
        total.fail();
        return Ok(());
    }
    for example in list(package, workspace) {
        run_one(&example, total)?;
    }
    for name in &package.endless {
        output::say(&format!("example {name}: built only, since it runs until it is stopped"));
    }
    Ok(())
}

fn run_one(example: &Example, total: &mut Tally) -> Result<(), TaskError> {
    output::say(&format!("\nexample {}", example.name));
    let ended = Program::new(&example.path).stream(Some(LIMIT), |line| {
        total.read_skip(line);
        output::say(&format!("    {line}"));
    })?;
    match ended {
        Ended::Well => total.pass(),
        Ended::Badly(_) | Ended::TimedOut => total.fail(),
    }
    output::say(&verdict(&example.name, ended));
    Ok(())
}

fn verdict(name: &str, ended: Ended) -> String {
    match ended {
        Ended::Well => format!("example {name} ... ok"),
        Ended::Badly(status) => format!("example {name} ... FAILED ({status})"),
        Ended::TimedOut => format!("example {name} ... FAILED (still running after {} s)", LIMIT.as_secs()),
    }
}

/// What is to be run, in the order of names.
fn list(package: &Package, workspace: &Workspace) -> Vec<Example> {
    let built = workspace.target_dir.join("debug");
    let bins = package.bins.iter().map(|name| (name, built.join(name)));
    let examples = package.examples.iter().map(|name| (name, built.join("examples").join(name)));
    let ends = |(name, _): &(&String, PathBuf)| !package.endless.contains(name);
    let mut list: Vec<Example> =
        bins.chain(examples).filter(ends).map(|(name, path)| Example { name: name.clone(), path }).collect();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

#[cfg(test)]
mod tests;
