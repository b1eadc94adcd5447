//! Malformed bytes over real sockets, at each stage of a conversation: the connection ends, the node goes on.

mod malformed;
mod peer;

use malformed::{At, Case, Ends};
use peer::{Stage, connect, say_no_more, until_closed, wire, write};
use std::collections::BTreeSet;
use std::fs;

/// The node under attack.
const NODE: &str = "victim@127.0.0.1";
/// Who attacks, once it has shaken hands.
const PEER: &str = "hostile@127.0.0.1";
/// Cases between two looks at whether the node is well.
const CASES_PER_LOOK: usize = 25;
/// What the node may grow by in the whole table, although single cases claim up to 4 GiB.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

#[test]
fn malformed_bytes_end_their_connection_and_nothing_else() {
    let stage = Stage::new(NODE, |builder| builder);
    let cases = malformed::cases(PEER, NODE, stage.creation);
    let distinct: BTreeSet<_> = cases.iter().map(|case| (case.at, &case.bytes)).collect();
    assert_eq!(distinct.len(), cases.len(), "each case is its own");
    assert!(cases.len() >= 200, "only {} cases", cases.len());
    stage.check_alive();
    let before = resident_bytes();
    for (number, case) in cases.iter().enumerate() {
        check(&stage, case);
        if number % CASES_PER_LOOK == 0 {
            stage.check_alive();
            let grown = resident_bytes().saturating_sub(before);
            assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more after {}", case.show());
        }
    }
    stage.check_alive();
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
}

#[test]
fn a_malformed_payload_is_counted_and_nothing_else() {
    let stage = Stage::new("reader@127.0.0.1", |builder| builder);
    let mut peer = stage.connected(PEER);
    let payloads = malformed::payloads();
    assert!(payloads.len() >= 50, "only {} payloads", payloads.len());
    for payload in &payloads {
        let before = stage.rejected();
        peer.write(&wire::normal(&peer.to_net_kernel(), payload));
        peer.ping(&stage);
        assert_eq!(stage.rejected(), before + 1, "b\"{}\"", payload.escape_ascii());
    }
    assert_eq!(stage.node.node().connected().len(), 1, "the connection has lasted");
}

#[test]
fn a_payload_for_nobody_is_dropped() {
    let stage = Stage::new("empty@127.0.0.1", |builder| builder);
    let mut peer = stage.connected(PEER);
    let dropped = || stage.node.processes().counters().read().dropped;
    let before = dropped();
    let nobody = wire::pid("empty@127.0.0.1", 999_999, 0, stage.creation);
    let send = wire::tuple(&[wire::int(22), peer.pid(), nobody]);
    for payload in malformed::payloads() {
        peer.write(&wire::normal(&send, &payload));
    }
    peer.ping(&stage);
    assert_eq!(dropped() - before, u64::try_from(malformed::payloads().len()).unwrap());
    assert_eq!(stage.rejected(), 0);
}

fn check(stage: &Stage, case: &Case) {
    let mut stream = match case.at {
        At::Epmd => connect(stage.epmd),
        At::Name => connect(stage.at),
        At::Connection => stage.connected(PEER).stream,
    };
    write(&mut stream, &case.bytes);
    if case.ends == Ends::AfterEnd {
        say_no_more(&stream);
    }
    let said = until_closed(&mut stream);
    assert!(said.is_some(), "the node does not close on {}", case.show());
}

/// What this process, in which the node runs, has in memory.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells the memory of a process");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second field counts resident pages") * PAGE_BYTES
}
