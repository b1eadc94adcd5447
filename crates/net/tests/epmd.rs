//! An EPMD ends when it is told, and a silent one is not waited for.

mod peer;

use engset_net::{ConnectError, RunningNode, StartNodeError, Step, epmd};
use peer::{COOKIE, connect, until_closed, write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// A node without a name, whose workers run an EPMD.
fn alone() -> RunningNode {
    RunningNode::builder().workers(2).start().expect("a node without a name starts")
}

fn serve(node: &RunningNode) -> epmd::EpmdServer {
    let served = node.block_on(|cx| async move {
        epmd::serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), cx.processes().scheduler()).await
    });
    served.expect("the process ends").expect("a port is free")
}

#[test]
fn a_kill_request_is_seen_by_who_asks_later() {
    let node = alone();
    let server = serve(&node);
    let mut idle = connect(server.at);
    let mut stream = connect(server.at);
    write(&mut stream, &[0, 1, b'k']);
    assert_eq!(until_closed(&mut stream), Some(b"OK".to_vec()));
    // The end of the other conversation shows that the request has been worked off.
    assert_eq!(until_closed(&mut idle), Some(vec![]));
    let at = server.at;
    node.block_on(|_cx| async move {
        server.stopped().await;
        server.stopped().await;
    })
    .expect("the process ends");
    until_refused(at);
}

#[test]
fn dropping_the_server_ends_its_conversations_and_frees_its_port() {
    let node = alone();
    let server = serve(&node);
    let at = server.at;
    let mut streams: Vec<_> = (0..20).map(|_| connect(at)).collect();
    drop(server);
    for stream in &mut streams {
        assert!(until_closed(stream).is_some(), "conversations end with the server");
    }
    until_refused(at);
}

#[test]
fn a_silent_epmd_is_not_waited_for() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let at = silent.local_addr().expect("a listener has an address");
    let builder = RunningNode::builder().name("patient@127.0.0.1").cookie(COOKIE).workers(1);
    let error = builder.epmd_tcp_port(at.port()).start().expect_err("nobody answers");
    let StartNodeError::Epmd(error) = error else { panic!("{error}") };
    assert!(matches!(error, ConnectError::Timeout { step: Step::Epmd, at: Some(asked) } if asked == at));
    assert!(error.to_string().contains("step epmd"), "{error}");
}

/// Waits until nobody listens there any more.
fn until_refused(at: SocketAddr) {
    while let Ok(mut stream) = TcpStream::connect(at) {
        // Whoever still got in is sent away.
        assert!(until_closed(&mut stream).is_some());
    }
}
