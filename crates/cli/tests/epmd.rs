//! `engset epmd`, `engset names`, the help, and outputs that nobody reads.

mod engset;

use engset::Engset;
use engset_testkit::free_port;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

#[test]
fn the_help_lists_commands_and_exit_codes() {
    let done = Engset::new(1).args(["--help"]).run();
    assert_eq!(done.status, Some(0));
    for word in ["demo", "ping", "call", "names", "epmd", "cert", "discover", "Exit codes:", "  5  refused"] {
        assert!(done.stdout.contains(word), "{word}: {}", done.stdout);
    }
    assert!(!done.stdout.contains("demo-node"), "{}", done.stdout);
}

#[test]
fn each_command_has_examples() {
    for command in ["demo", "ping", "call", "names", "epmd", "discover"] {
        let done = Engset::new(1).args([command, "--help"]).run();
        assert!(done.stdout.contains(&format!("Examples:\n  engset {command}")), "{}", done.stdout);
        assert!(!done.stdout.contains('\u{1b}'), "colours are for terminals");
    }
}

#[test]
fn names_without_an_epmd_say_so() {
    let port = free_port().unwrap();
    let done = Engset::new(port).args(["names"]).run();
    assert_eq!(done.status, Some(4));
    let first = format!("error: no EPMD answers at 127.0.0.1:{port}: no node runs there\n  step   epmd\n");
    assert!(done.stderr.starts_with(&first), "{done:?}");
}

#[test]
fn names_of_something_that_is_no_epmd_say_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut names = Engset::new(port).args(["names"]).start();
    let (mut stream, _from) = listener.accept().unwrap();
    stream.write_all(b"no").unwrap();
    drop(stream);
    assert_eq!(names.wait(), Some(4));
}

#[test]
fn an_epmd_serves_until_sigterm() {
    for signal in ["-TERM", "-INT"] {
        let port = free_port().unwrap();
        let mut epmd = Engset::new(port).args(["epmd"]).start();
        assert_eq!(epmd.line_with("EPMD"), format!("EPMD serves at 127.0.0.1:{port}"));
        let names = Engset::new(port).args(["names"]).run();
        assert_eq!(names.stdout, format!("EPMD at 127.0.0.1:{port} knows no nodes\n"));
        epmd.signal(signal);
        assert_eq!(epmd.wait(), Some(0));
    }
}

#[test]
fn an_epmd_ends_on_a_kill_request() {
    let port = free_port().unwrap();
    let mut epmd = Engset::new(port).args(["epmd"]).start();
    epmd.line_with("EPMD serves");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(&[0, 1, b'k']).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"OK");
    assert_eq!(epmd.line_with("EPMD ends"), "EPMD ends: a KILL request");
    assert_eq!(epmd.wait(), Some(0));
}

#[test]
fn a_second_epmd_says_that_one_is_running() {
    let port = free_port().unwrap();
    let mut first = Engset::new(port).args(["epmd"]).start();
    first.line_with("EPMD serves");
    let second = Engset::new(port).args(["epmd"]).run();
    assert_eq!(second.status, Some(1));
    let said = format!("error: an EPMD is running at 127.0.0.1:{port} already\n");
    assert!(second.stderr.starts_with(&said), "{second:?}");
}

/// Whoever has the port and says nothing is no reason to say nothing oneself.
#[test]
fn a_port_that_something_silent_has_is_told_of() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let done = Engset::new(port).args(["epmd"]).run();
    assert_eq!(done.status, Some(1), "{done:?}");
    assert!(done.stderr.contains("what listens there is no EPMD"), "{done:?}");
    let done = Engset::new(port).args(["epmd", "--address", "203.0.113.9"]).run();
    assert_eq!(done.status, Some(1), "{done:?}");
    assert!(done.stderr.contains("  do     give an address of this machine by --address"), "{done:?}");
}

#[test]
fn an_output_that_nobody_reads_is_no_error() {
    let port = free_port().unwrap();
    let mut epmd = Engset::new(port).args(["epmd"]).start();
    epmd.line_with("EPMD serves");
    epmd.close_stdout();
    epmd.signal("-TERM");
    assert_eq!(epmd.wait(), Some(0));
}
