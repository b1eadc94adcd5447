//! Rules about effects: each has one home, and everywhere else it is passed in as data.

use super::SourceFile;

/// An effect, how its use looks in a line of code, and the paths where it is at home:
/// beginnings of paths, or with a `/` in front parts of them.
struct Effect {
    name: &'static str,
    signs: &'static [&'static str],
    homes: &'static [&'static str],
}

const EFFECTS: [Effect; 4] = [
    Effect {
        name: "sockets",
        signs: &[
            "std::net::Tcp",
            "std::net::Udp",
            "tokio::net",
            "TcpListener::",
            "TcpStream::",
            "UdpSocket::",
            "UnixListener::",
            "UnixStream::",
        ],
        homes: &[
            "crates/net/",
            "crates/discover/src/io/",
            "crates/testkit/",
            "interop/",
            "bench/",
            "examples/",
            "/tests/",
            "crates/cli/src/commands/demo/tests.rs",
        ],
    },
    Effect {
        name: "threads",
        signs: &["thread::spawn(", "thread::Builder", "thread::scope(", "thread::sleep("],
        homes: &[
            "crates/process/src/scheduler",
            "crates/models/",
            "crates/testkit/",
            "interop/",
            "bench/",
            "xtask/",
            "/tests/",
        ],
    },
    Effect {
        name: "the clock",
        signs: &["Instant::now", "SystemTime::now"],
        homes: &[
            "crates/process/src/scheduler/threads.rs",
            "crates/process/src/scheduler/clock.rs",
            "crates/net/src/clock.rs",
            "crates/net/tests/",
            "crates/testkit/",
            "fuzz/",
            "interop/",
            "bench/",
            "xtask/",
        ],
    },
    Effect {
        name: "outside programs",
        signs: &["process::Command"],
        homes: &[
            "crates/cli/src/commands/demo",
            "/tests/",
            "crates/testkit/",
            "fuzz/src/etf_erlang.rs",
            "interop/",
            "bench/",
            "examples/",
            "xtask/",
        ],
    },
];

/// Files that may contain unsafe code, each with its reason in the file.
const UNSAFE_FILES: [&str; 14] = [
    // What a message passes, and what a process is: models of them are in crates/models.
    "crates/process/src/cells.rs",
    "crates/process/src/lock.rs",
    "crates/process/src/task.rs",
    "crates/process/src/task/waker.rs",
    "crates/process/src/action.rs",
    "crates/process/src/carried.rs",
    "crates/process/src/chunks.rs",
    "crates/process/src/mailbox.rs",
    "crates/process/src/process/own.rs",
    "crates/process/src/current.rs",
    "crates/process/src/scheduler/clock.rs",
    "crates/otp/src/slot.rs",
    // Memory that finds its misuse, for those models.
    "crates/models/src/cells.rs",
    // An allocator that counts, for the tests that nothing is allocated by claim.
    "crates/etf/tests/allocation.rs",
];

pub(crate) fn check(source: &SourceFile, findings: &mut Vec<String>) {
    // This file names the effects.
    if source.path.starts_with("xtask/src/tidy") {
        return;
    }
    for (number, line) in (1..).zip(source.text.lines()) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for effect in &EFFECTS {
            let is_used = effect.signs.iter().any(|sign| line.contains(sign)) || is_grouped_use(line, effect);
            if is_used && !effect.homes.iter().any(|home| is_home(home, &source.path)) {
                let homes = effect.homes.join(", ");
                findings.push(format!("{}:{number}: {} only in {homes}", source.path, effect.name));
            }
        }
        if has_word(line, "unsafe") && !UNSAFE_FILES.contains(&source.path.as_str()) {
            findings.push(format!("{}:{number}: unsafe code only in the files listed in tidy", source.path));
        }
    }
}

fn is_home(home: &str, path: &str) -> bool {
    if home.starts_with('/') { path.contains(home) } else { path.starts_with(home) }
}

/// Whether a line imports the effect in a group, as in `use std::process::{Child, Command};`.
fn is_grouped_use(line: &str, effect: &Effect) -> bool {
    effect.signs.iter().any(|sign| {
        sign.rsplit_once("::").is_some_and(|(module, item)| {
            !item.is_empty()
                && line.trim_start().starts_with("use ")
                && line
                    .split_once(module)
                    .is_some_and(|(_, rest)| rest.starts_with("::{") && rest.contains(item))
        })
    })
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(is_part)
            && !line[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests;
