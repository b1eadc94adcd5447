//! An EPMD with very many connections that say nothing still answers all others, and keeps its registrations.

mod peer;

use engset_net::{RunningNode, epmd};
use peer::connect;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connections that say nothing.
const IDLE: usize = 10_000;
/// Both ends of those that are open, and what else the program has.
const FILES: u64 = 12_000;
/// How late an answer may be on a loaded machine.
const IN_TIME: Duration = Duration::from_secs(2);

#[test]
fn ten_thousand_idle_connections_hold_up_nobody() {
    match rlimit::increase_nofile_limit(FILES) {
        Ok(files) if files >= FILES => {}
        other => return println!("skipped: ten_thousand_idle_connections_hold_up_nobody: {other:?} files"),
    }
    let node = RunningNode::builder().workers(1).start().expect("a node without a name starts");
    let serve = async |cx: engset_process::Cx<engset_term::Term>| {
        epmd::serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), cx.processes().scheduler()).await
    };
    let server = node.block_on(serve).expect("the process ends").expect("a port is free");
    let at = server.at;
    let entry = engset_dist::epmd::NodeEntry::new("stays", 4711);
    let registered = node.block_on(move |_cx| epmd::register(at, entry)).expect("the process ends");
    let _registered = registered.expect("the name is free");
    let mut idle: Vec<TcpStream> = Vec::new();
    for number in 1..=IDLE {
        idle.push(connect(at));
        if number % 500 == 0 {
            let begun = now();
            let found = node.block_on(move |_cx| epmd::lookup(at, "stays")).expect("the process ends");
            let found = found.expect("an answer").expect("the registration lasts");
            assert_eq!(found.tcp_port, 4711);
            let names = node.block_on(move |_cx| epmd::names(at)).expect("the process ends");
            assert_eq!(names.expect("an answer").names, [("stays".to_owned(), 4711)]);
            let took = now().duration_since(begun);
            assert!(took < IN_TIME, "{took:?} with {number} idle connections");
        }
    }
    assert_eq!(idle.len(), IDLE);
}

#[expect(clippy::disallowed_methods, reason = "how long an answer takes is measured")]
fn now() -> Instant {
    Instant::now()
}
