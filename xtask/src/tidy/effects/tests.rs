//! Facts about effects and their homes.

use super::check;
use crate::tidy::SourceFile;

#[track_caller]
fn allowed(path: &str, line: &str) {
    assert_eq!(findings(path, line), Vec::<String>::new());
}

#[track_caller]
fn forbidden(path: &str, line: &str) {
    assert_eq!(findings(path, line).len(), 1, "{line}");
}

fn findings(path: &str, line: &str) -> Vec<String> {
    let mut findings = Vec::new();
    check(&SourceFile { path: path.to_owned(), text: line.to_owned() }, &mut findings);
    findings
}

#[test]
fn sockets_are_opened_in_net() {
    allowed("crates/net/src/listen.rs", "use tokio::net::TcpListener;");
    forbidden("crates/node/src/listen.rs", "use tokio::net::TcpListener;");
    forbidden("crates/node/src/listen.rs", "use std::net::{Ipv4Addr, TcpListener};");
    allowed("crates/node/src/address.rs", "use std::net::{Ipv4Addr, SocketAddr};");
    allowed("crates/node/src/address.rs", "/// Never a `std::net::TcpStream`.");
    allowed("crates/engset/tests/front_door.rs", "use tokio::net::TcpStream;");
    forbidden("crates/tests.rs", "use tokio::net::TcpStream;");
}

#[test]
fn threads_are_started_in_the_scheduler() {
    allowed("crates/process/src/scheduler/threads.rs", "std::thread::Builder::new()");
    forbidden("crates/process/src/mailbox.rs", "std::thread::spawn(run);");
    forbidden("crates/net/src/lib.rs", "thread::scope(|scope| run(scope));");
    allowed("crates/net/src/start.rs", "std::thread::available_parallelism()");
}

#[test]
fn the_clock_is_read_at_two_places() {
    allowed("crates/net/src/clock.rs", "Instant::now()");
    allowed("crates/process/src/scheduler/threads.rs", "Instant::now()");
    forbidden("crates/process/src/scheduler/seeded.rs", "Instant::now()");
    forbidden("crates/net/src/listen.rs", "std::time::SystemTime::now()");
    allowed("crates/net/src/listen.rs", "fn handle(now: Instant)");
}

#[test]
fn programs_are_started_by_the_demo_and_for_tests() {
    allowed("crates/cli/src/commands/demo.rs", "use std::process::Command;");
    forbidden("crates/cli/src/commands/node.rs", "use std::process::Command;");
    forbidden("crates/cli/src/commands/node.rs", "use std::process::{Child, Command};");
    allowed("crates/cli/src/commands/node.rs", "use std::process::ExitCode;");
}

#[test]
fn unsafe_code_is_nowhere() {
    forbidden("crates/process/src/state.rs", "unsafe { *pointer }");
    forbidden("crates/process/src/state.rs", "unsafe impl Send for State {}");
    allowed("crates/process/src/state.rs", "#![forbid(unsafe_code)]");
    allowed("crates/process/src/state.rs", "// Nothing unsafe here.");
}
