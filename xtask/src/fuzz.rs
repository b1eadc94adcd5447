//! `cargo xtask fuzz`: runs one fuzz target for a while, or lists the targets; and their smoke run.

use crate::error::TaskError;
use crate::output;
use crate::program::Program;
use crate::root::root;
use std::fs;

/// How long a target runs unless said otherwise.
const SECONDS: u64 = 60;

#[derive(Debug, Eq, PartialEq)]
struct Request {
    target: Option<String>,
    seconds: u64,
}

pub(crate) fn run(args: &[String]) -> Result<(), TaskError> {
    let request = parse(args)?;
    let targets = targets()?;
    let Some(target) = request.target else {
        targets.iter().for_each(|target| output::say(target));
        return Ok(());
    };
    if !targets.contains(&target) {
        return Err(TaskError::NoSuchTarget { target });
    }
    if !Program::cargo().args(["fuzz", "--version"]).succeeds() {
        return Err(TaskError::NoFuzzer);
    }
    // What the corpus has gained in earlier runs stays.
    smoke(&["--write", "fuzz/corpus"]).run()?;
    let limit = format!("-max_total_time={}", request.seconds);
    let run = if Program::new("rustup").args(["run", "nightly", "rustc", "--version"]).succeeds() {
        Program::new("rustup").args(["run", "nightly", "cargo", "fuzz", "run"])
    } else {
        // The stable compiler takes the fuzzer's flags when it is told to; sanitizers it does not have.
        Program::cargo().env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--sanitizer", "none"])
    };
    run.args(["--features", "libfuzzer", &target, "--", &limit]).run()
}

/// The smoke run of the targets, which needs no fuzzer.
pub(crate) fn smoke(args: &[&str]) -> Program {
    let run = ["run", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bin", "smoke", "--"];
    Program::cargo().args(run).args(args)
}

fn parse(args: &[String]) -> Result<Request, TaskError> {
    let mut request = Request { target: None, seconds: SECONDS };
    let mut args = args.iter();
    while let Some(argument) = args.next() {
        let refused = || TaskError::NoSuchArgument { argument: argument.clone() };
        if argument == "--seconds" {
            request.seconds = args.next().and_then(|number| number.parse().ok()).ok_or_else(refused)?;
        } else if request.target.is_none() && !argument.starts_with('-') {
            request.target = Some(argument.clone());
        } else {
            return Err(refused());
        }
    }
    Ok(request)
}

/// The names of the binaries in `fuzz/Cargo.toml`.
fn targets() -> Result<Vec<String>, TaskError> {
    let path = root().join("fuzz/Cargo.toml");
    let manifest = fs::read_to_string(&path).map_err(|source| TaskError::Unreadable { path, source })?;
    Ok(bin_names(&manifest))
}

fn bin_names(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_bin = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_bin = line.trim() == "[[bin]]";
        } else if in_bin
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            names.push(value.trim().trim_matches('"').to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests;
