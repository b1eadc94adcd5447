//! An idle connection lives by its ticks; a silent peer is found out by their absence.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::{Atom, Dest, ExitReason, Mail, Node, NodeName, Term};
use engset_testkit::{Beam, free_port, require_erl};
use stage::{COOKIE, RUST};
use std::time::Duration;

#[test]
fn an_idle_connection_outlives_the_tick_time_of_both_sides() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let node = start(port);
    let beam = Beam::builder().name("beam").cookie(COOKIE).epmd_port(port);
    let beam = beam.erl_args(["-kernel", "net_ticktime", "4"]).start().unwrap();
    assert_eq!(beam.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pong");
    // Nothing is sent for longer than both nodes bear silence.
    let idle = "net_kernel:monitor_nodes(true, [{node_type, all}]), \
                receive {nodedown, _, _} = Down -> Down after 6500 -> still_up end.";
    assert_eq!(beam.eval(idle).unwrap(), "still_up");
    assert_eq!(node.node().connected(), [(NodeName::new("beam@127.0.0.1").unwrap(), true)]);
}

#[test]
fn a_peer_that_stops_answering_is_down_after_the_tick_time() {
    check_down_when_suspended(0);
}

#[test]
fn a_peer_that_stops_reading_is_down_although_much_waits_to_be_written() {
    check_down_when_suspended(16 << 20);
}

/// Suspends an Erlang node, sends it so many bytes, and asserts that a monitor hears of the loss.
#[track_caller]
fn check_down_when_suspended(flood_bytes: usize) {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let node = start(port);
    let beam = Beam::builder().name("beam").cookie(COOKIE).epmd_port(port).start().unwrap();
    assert_eq!(beam.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pong");
    beam.suspend().unwrap();
    let reason = node.block_on(move |mut cx| async move {
        let peer = NodeName::new("beam@127.0.0.1").unwrap();
        if flood_bytes > 0 {
            let nobody = Dest::RemoteName(Atom::from_static("nobody"), peer);
            cx.send(nobody, Term::binary(vec![7; flood_bytes])).unwrap();
        }
        let reference = cx.monitor(Dest::RemoteName(Atom::from_static("net_kernel"), peer));
        match cx.recv_timeout(Duration::from_secs(20)).await {
            Some(Mail::Down(down)) if down.reference == reference => Some(down.reason),
            _ => None,
        }
    });
    beam.resume().unwrap();
    assert_eq!(reason.unwrap(), Some(ExitReason::NoConnection));
}

/// A node that takes silence of two seconds for death.
fn start(port: u16) -> Node {
    let builder = Node::builder().name(RUST).cookie(COOKIE).epmd_tcp_port(port);
    builder.adjust(|config| config.tick.net_ticktime = Duration::from_secs(2)).start().unwrap()
}
