//! Which of a host's addresses is used.

use super::{ADDRESSES_MAX, ask_each};
use crate::connect::ConnectError;
use crate::epmd::serve;
use engset_dist::epmd::NodeEntry;
use engset_process::Scheduler;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;

type Answer = Result<(SocketAddr, Option<NodeEntry>), ConnectError>;

/// Asks for a node at these addresses, of which the EPMD is at 127.0.0.1; its port, and the answer.
fn ask(addresses: Vec<IpAddr>) -> (u16, Answer) {
    let scheduler = Scheduler::threads(1).unwrap();
    let (sender, receiver) = mpsc::channel();
    let clock = scheduler.clone();
    scheduler.spawn_task(async move {
        let epmd = serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &clock).await.unwrap();
        let answer = ask_each(&clock, &addresses, epmd.at.port(), "nobody").await;
        sender.send((epmd.at.port(), answer)).unwrap();
    });
    let answer = receiver.recv().unwrap();
    if let Scheduler::Threads(threads) = &scheduler {
        threads.shutdown();
    }
    answer
}

/// Addresses where nobody listens, and then the one of the EPMD.
fn behind(unused: u8) -> Vec<IpAddr> {
    (1..=unused).map(|number| [127, 0, 9, number].into()).chain([Ipv4Addr::LOCALHOST.into()]).collect()
}

#[test]
fn the_first_address_with_an_epmd_is_used() {
    for unused in [0, 1, 3] {
        let (port, answer) = ask(behind(unused));
        let (at, entry) = answer.unwrap();
        assert_eq!(at, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        assert_eq!(entry, None);
    }
}

#[test]
fn the_addresses_that_are_tried_are_limited_and_the_first_is_named() {
    let (port, answer) = ask(behind(u8::try_from(ADDRESSES_MAX).unwrap()));
    let first = SocketAddr::from(([127, 0, 9, 1], port));
    assert!(matches!(&answer, Err(ConnectError::NoEpmd { at, .. }) if *at == first), "{answer:?}");
}
