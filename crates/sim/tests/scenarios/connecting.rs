//! How connections come about: crossing dials, wrong cookies, limits.

use crate::stage::{SECOND, Seen, Stage, name, observer};
use engset_dist::handshake::Cookie;
use engset_node::Node;
use engset_process::Dest;
use engset_sim::World;
use engset_term::{NodeName, Term};
use std::sync::Arc;
use std::time::Duration;

fn hello_to(node: &Node, peer: &Node) {
    let to = Dest::RemoteName(name("inbox"), peer.name());
    observer(node, None, &Seen::default(), move |cx| drop(cx.send(to, Term::atom("hello"))));
}

#[test]
fn dials_that_cross_end_in_one_connection_and_lose_nothing() {
    for seed in 0..500 {
        let stage = Stage::new(seed);
        let (at_a, at_b) = (Seen::default(), Seen::default());
        observer(&stage.a, Some("inbox"), &at_a, |_| {});
        observer(&stage.b, Some("inbox"), &at_b, |_| {});
        stage.world.run_for(Duration::from_micros(stage.world.draw(10)));
        hello_to(&stage.a, &stage.b);
        // From the same instant to later than a whole handshake takes.
        stage.world.run_for(Duration::from_micros(stage.world.draw(9_000)));
        hello_to(&stage.b, &stage.a);
        stage.world.run_for(10 * SECOND);
        assert_eq!(at_a.take(), ["message hello"], "seed {seed}");
        assert_eq!(at_b.take(), ["message hello"], "seed {seed}");
        assert_eq!(stage.world.connections(&stage.a, &stage.b), 1, "seed {seed}");
        assert_eq!(stage.a.connected(), [(stage.b.name(), false)], "seed {seed}");
        assert_eq!(stage.b.connected(), [(stage.a.name(), false)], "seed {seed}");
    }
}

/// How an attempt of `node` to connect ends.
fn connect(world: &World, node: &Arc<Node>, peer: NodeName) -> String {
    let seen = Seen::default();
    let done = seen.clone();
    node.connect(peer, move |result| match result {
        Ok(()) => done.note("connected"),
        Err(error) => done.note(error.to_string()),
    });
    world.run_for(20 * SECOND);
    seen.take().join(", ")
}

#[test]
fn a_wrong_cookie_is_named_on_both_sides() {
    let mut world = World::new(1);
    let a = world.start_with("a@sim", |config| config.cookie = Cookie::new("other").expect("a cookie"));
    let b = world.start("b@sim");
    let error = connect(&world, &a, b.name());
    assert_eq!(error, "the peer closed the connection on our digest; most likely the cookies differ");
    let told = world.facts().into_iter().map(|fact| fact.to_string());
    let at_b: Vec<String> = told.filter(|fact| fact.starts_with("b@sim closes")).collect();
    assert_eq!(
        at_b,
        ["b@sim closes its stream to a@sim: a@sim has another cookie; set the same cookie on both nodes"]
    );
    assert_eq!((a.connected(), b.connected()), (vec![], vec![]));
}

#[test]
fn who_claims_the_name_of_a_peer_does_not_keep_it_from_being_reached() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let a = world.start("a@sim");
        let b = world.start_with("b@sim", |config| config.cookie = Cookie::new("guess").expect("a cookie"));
        // The impostor dials, is gone before it has proven anything, and the real node takes its place.
        b.connect(a.name(), |_| {});
        world.run_for(Duration::from_micros(world.draw(8_000)));
        world.crash(&b);
        let b = world.start("b@sim");
        let seen = Seen::default();
        observer(&b, Some("inbox"), &seen, |_| {});
        hello_to(&a, &b);
        world.run_for(30 * SECOND);
        assert_eq!(seen.take(), ["message hello"], "seed {seed}: {:#?}", world.transcript());
    }
}

#[test]
fn a_peer_that_does_not_run_is_named() {
    let stage = Stage::new(1);
    let nobody = NodeName::new("nobody@sim").expect("a name");
    assert_eq!(connect(&stage.world, &stage.a, nobody), "no node nobody@sim runs");
    stage.world.partition(&stage.a, &stage.b);
    assert_eq!(connect(&stage.world, &stage.a, stage.b.name()), "no way to b@sim");
    stage.world.heal(&stage.a, &stage.b);
    assert_eq!(connect(&stage.world, &stage.a, stage.b.name()), "connected");
    assert_eq!(connect(&stage.world, &stage.a, stage.b.name()), "connected", "already");
}

#[test]
fn there_are_connections_up_to_the_limit() {
    let mut world = World::new(1);
    let a = world.start_with("a@sim", |config| config.connections_max = 2);
    let [b, c, d] = ["b@sim", "c@sim", "d@sim"].map(|name| world.start(name));
    assert_eq!(connect(&world, &a, b.name()), "connected");
    assert_eq!(connect(&world, &a, c.name()), "connected");
    assert_eq!(connect(&world, &a, d.name()), "this node's limit of 2 connections is reached");
    // Nor from outside.
    assert_ne!(connect(&world, &d, a.name()), "");
    world.run_for(SECOND);
    assert_eq!(a.connected().len(), 2);
    assert!(a.disconnect(b.name()));
    assert_eq!(connect(&world, &a, d.name()), "connected");
}

#[test]
fn signals_wait_for_a_connection_up_to_the_limit() {
    for (monitors, told) in [(3, 0), (4, 4)] {
        let mut world = World::new(1);
        // Each signal without a payload weighs 128 bytes.
        let a = world.start_with("a@sim", |config| config.pending_bytes_max = 3 * 128);
        let b = world.start("b@sim");
        let target = observer(&b, None, &Seen::default(), |_| {});
        let seen = Seen::default();
        observer(&a, None, &seen, move |cx| (0..monitors).for_each(|_| _ = cx.monitor(target)));
        world.run_for(SECOND);
        assert_eq!(seen.take(), vec!["down noconnection".to_owned(); told]);
    }
}
