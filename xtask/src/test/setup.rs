//! What the tests need of the machine: a real Erlang, a real Elixir, a DNS server, `ip` for networks that can be cut, and
//! an X server for Erlang's observer.
//!
//! What is missing is installed where that is possible. In CI a missing program is a failure;
//! elsewhere the tests that need it are skipped, and this says so first.

use crate::error::TaskError;
use crate::output;
use crate::program::{Program, find};
use std::env;

const PROGRAMS: [&str; 6] = ["erl", "elixir", "epmd", "dnsmasq", "ip", "Xvfb"];

const PACKAGES: [&str; 9] = [
    "erlang-base",
    "erlang-dev",
    "elixir",
    "erlang-runtime-tools",
    "erlang-observer",
    "erlang-tools",
    "dnsmasq-base",
    "iproute2",
    "xvfb",
];

/// What is done about missing programs.
#[derive(Debug, Eq, PartialEq)]
enum Plan {
    Nothing,
    Install,
    Fail,
    Skip,
}

pub(crate) fn run() -> Result<(), TaskError> {
    let ci = env::var("CI").is_ok_and(|value| value == "true");
    let before = missing();
    if plan(&before, can_install(), ci) == Plan::Install {
        install();
    }
    let after = missing();
    for program in PROGRAMS {
        if let Some(path) = find(program) {
            output::say(&format!("{program}: {}", path.display()));
        }
    }
    // What could not be installed by now cannot be installed at all.
    if plan(&after, false, ci) == Plan::Fail {
        return Err(TaskError::Missing { programs: after });
    }
    after.iter().for_each(|program| output::say(&warning(program)));
    Ok(())
}

fn plan(missing: &[&str], can_install: bool, ci: bool) -> Plan {
    match (missing.is_empty(), can_install, ci) {
        (true, _, _) => Plan::Nothing,
        (false, true, _) => Plan::Install,
        (false, false, true) => Plan::Fail,
        (false, false, false) => Plan::Skip,
    }
}

fn missing() -> Vec<&'static str> {
    PROGRAMS.into_iter().filter(|program| find(program).is_none()).collect()
}

fn can_install() -> bool {
    find("apt-get").is_some() && Program::new("id").args(["-u"]).output().is_ok_and(|id| id.trim() == "0")
}

/// Failures are seen by what is still missing afterwards.
fn install() {
    let apt = || Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    let update = apt().args(["-q", "update"]).run();
    let install = apt().args(["-q", "install", "--yes", "--no-install-recommends"]).args(PACKAGES).run();
    for problem in [update.err(), install.err()].into_iter().flatten() {
        output::complain(&problem.to_string());
    }
}

fn warning(program: &str) -> String {
    format!("!! tests that need {program} will be skipped: it is not installed, and only root can install it")
}

#[cfg(test)]
mod tests;
