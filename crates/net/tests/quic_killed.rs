//! Programs that are killed: their peers notice soon, be it that nobody listens at their port any more, or somebody anew.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the test is a second program, too, which says when it is up"
)]

mod certs;
mod peer;

use certs::{Authority, Certificate};
use engset_net::{RunningNode, TlsConfig};
use engset_term::NodeName;
use peer::{COOKIE, free_fixed_port};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const NEAR: &str = "near@127.0.9.71";
const FAR: &str = "far@127.0.9.72";
/// By this the program knows that it is the one to be killed: its port, then the files of its certificate.
const TOLD: &str = "ENGSET_TEST_KILLED";
/// What separates them.
const MARK: &str = "\u{1f}";
/// What has not happened by then does not.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(name: &str, port: u16, authority: &str, chain: &str, key: &str) -> RunningNode {
    let tls = TlsConfig::from_pem(authority.as_bytes(), chain.as_bytes(), key.as_bytes()).expect("they fit");
    let builder = RunningNode::builder().name(name).cookie(COOKIE).workers(2).no_epmd(port);
    builder.quic(tls).start().expect("it starts")
}

/// The program to be killed: runs until then, or until nobody holds its input any more.
fn run_until_killed(told: &str) {
    let parts: Vec<_> = told.split(MARK).collect();
    let [port, authority, chain, key] = parts[..] else { panic!("four parts") };
    let _node = start(FAR, port.parse().expect("a port"), authority, chain, key);
    println!("up");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("a pipe");
}

/// Starts this test again as a program of its own, with a node in it.
fn spawn_far(test: &str, port: u16, authority: &Authority, own: &Certificate) -> Child {
    let told = [&port.to_string(), &authority.pem, &own.pem, &own.key].map(String::as_str).join(MARK);
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture"]).env(TOLD, told);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.ends_with("up"))), "it ended before it was up");
    child
}

fn dial(from: &RunningNode) {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(FAR).expect("a name");
    from.node().connect(peer, move |result| drop(sender.send(result.map_err(|error| error.to_string()))));
    assert_eq!(receiver.recv_timeout(PATIENCE).expect("an attempt ends"), Ok(()));
}

/// How long it takes until the node has no connection.
fn time_to_notice(node: &RunningNode) -> Duration {
    let clock = node.processes().scheduler().clone();
    let begun = clock.now();
    while !node.node().connected().is_empty() {
        assert!(clock.now().saturating_duration_since(begun) < PATIENCE, "it is not noticed");
        std::thread::yield_now();
    }
    clock.now().saturating_duration_since(begun)
}

fn kill(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
}

#[test]
fn a_program_that_is_killed_is_noticed_soon() {
    if let Ok(told) = std::env::var(TOLD) {
        return run_until_killed(&told);
    }
    let (authority, port) = (Authority::new("cluster"), free_fixed_port());
    let (near, far) = (authority.node(NEAR), authority.node(FAR));
    let node = start(NEAR, port, &authority.pem, &near.pem, &near.key);
    let child = spawn_far("a_program_that_is_killed_is_noticed_soon", port, &authority, &far);
    dial(&node);
    assert_eq!(node.quic().map(|quic| quic.dialled), Some(1));
    kill(child);
    let took = time_to_notice(&node);
    println!("noticed after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// What restarts it may be quicker than anybody can see that it was gone; the new program says that it knows nothing of
/// the connections of the old one.
#[test]
fn a_program_that_is_killed_and_there_again_at_once_is_noticed_too() {
    if let Ok(told) = std::env::var(TOLD) {
        return run_until_killed(&told);
    }
    let (authority, port) = (Authority::new("cluster"), free_fixed_port());
    let (near, far) = (authority.node(NEAR), authority.node(FAR));
    let node = start(NEAR, port, &authority.pem, &near.pem, &near.key);
    let test = "a_program_that_is_killed_and_there_again_at_once_is_noticed_too";
    let child = spawn_far(test, port, &authority, &far);
    dial(&node);
    kill(child);
    let child = spawn_far(test, port, &authority, &far);
    let took = time_to_notice(&node);
    println!("noticed after {took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    dial(&node);
    assert_eq!(node.quic().map(|quic| quic.dialled), Some(2));
    kill(child);
}
