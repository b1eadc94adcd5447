//! Each malformed control message closes its connection, with a reason that names what is wrong, and does nothing else;
//! what is well-formed and comes too late does nothing at all.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod controls;
#[path = "../../dist/tests/wire/mod.rs"]
mod wire;

use controls::{FORMS, Form, World};
use engset_dist::Flags;
use engset_dist::connection::{Incoming, IncomingConfig};
use engset_dist::handshake::{Cookie, Framing, Initiator, InitiatorEvent, LocalNode};
use engset_node::{Channel, CloseReason, Dial, Network, Node, NodeConfig};
use engset_process::{Cx, Mail, Scheduler, Seeded};
use engset_term::{Atom, Instant, NodeName, Pid, Term};
use std::sync::Arc;
use std::task::Waker;

const NODE: &str = "node@h";
const PEER: &str = "hostile@h";
const WITNESS: &str = "witness@h";
const CREATION: u32 = 7;
const PEERS_CREATION: u32 = 9;
/// Cases between two looks at whether all is well.
const CASES_PER_LOOK: usize = 10;

struct Nowhere;

impl Network for Nowhere {
    fn dial(&self, _: Arc<Node>, _: Dial) {}
}

/// A node with a process that answers, and a peer that asks it.
struct Stage {
    node: Arc<Node>,
    seeded: Arc<Seeded>,
    keeper: Pid,
}

/// An established connection, of which the test plays the peer.
struct Line {
    channel: Channel,
    incoming: Incoming,
}

fn cookie() -> Cookie {
    Cookie::new("a cookie of tests").unwrap()
}

/// Answers each pid that it gets with `alive`; whatever else it gets makes it tell so.
async fn keep(mut cx: Cx<Term>) {
    let mut is_sound = true;
    loop {
        match cx.recv().await {
            Mail::Message(Term::Pid(from)) => {
                let answer = if is_sound { "alive" } else { "touched" };
                cx.send(from, Term::Atom(Atom::new(answer).unwrap())).unwrap();
            }
            _ => is_sound = false,
        }
    }
}

impl Stage {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(adjust: impl FnOnce(&mut NodeConfig)) -> Self {
        let mut config = NodeConfig::new(NodeName::new(NODE).unwrap(), CREATION, cookie(), 0);
        adjust(&mut config);
        let scheduler = Scheduler::seeded(1);
        let Scheduler::Seeded(seeded) = &scheduler else { panic!("a seeded scheduler") };
        let seeded = Arc::clone(seeded);
        let node = Node::new(config, scheduler, Arc::new(Nowhere));
        let keeper = node.processes().spawn(Default::default(), keep).unwrap().pid();
        node.processes().register(&Atom::from_static("keeper"), keeper).unwrap();
        let stage = Self { node, seeded, keeper };
        stage.run();
        stage
    }

    fn world(&self) -> World<'static> {
        let target = (self.keeper.id(), self.keeper.serial());
        World { peer: (PEER, PEERS_CREATION), node: (NODE, CREATION), target }
    }

    /// Lets the processes do what there is to do.
    fn run(&self) {
        self.seeded.run_until(self.seeded.now());
    }

    /// A peer that has proven itself, with these capabilities.
    fn connected(&self, name: &str, flags: Flags) -> Line {
        let mut channel = Channel::accepted(Arc::clone(&self.node), Instant::ZERO, 3, Framing::Two).unwrap();
        let local = LocalNode {
            name: name.to_owned(),
            flags,
            creation: PEERS_CREATION,
            cookie: cookie(),
            visible: false,
        };
        let mut peer = Initiator::new(Instant::ZERO, local, NODE, 1, Framing::Two).unwrap();
        loop {
            let mut said = Vec::new();
            peer.poll_transmit(&mut said);
            channel.handle_bytes(Instant::ZERO, &said).unwrap();
            let mut answer = Vec::new();
            channel.poll_transmit(&mut answer, Waker::noop()).unwrap();
            peer.handle_bytes(Instant::ZERO, &answer.concat()).unwrap();
            match peer.poll_event() {
                Some(InitiatorEvent::AskAlive) => peer.answer_alive(true).unwrap(),
                Some(InitiatorEvent::Established(established)) => {
                    let config = IncomingConfig::default();
                    let incoming = Incoming::new(Instant::ZERO, established.flags, &config);
                    return Line { channel, incoming };
                }
                Some(InitiatorEvent::WaitForOther) | None => {}
            }
        }
    }

    /// Asks the keeper over this connection whether it is alive and untouched.
    #[track_caller]
    fn check_alive(&self, line: &mut Line) {
        let from = wire::pid(WITNESS, 1, 0, PEERS_CREATION);
        let send = wire::tuple(&[wire::int(6), from.clone(), wire::atom(""), wire::atom("keeper")]);
        line.channel.handle_bytes(Instant::ZERO, &wire::normal(&send, &from)).unwrap();
        self.run();
        let mut out = Vec::new();
        line.channel.poll_transmit(&mut out, Waker::noop()).unwrap();
        line.incoming.handle_bytes(Instant::ZERO, &out.concat()).unwrap();
        let answer = line.incoming.poll_event().expect("the keeper answers");
        let term = answer.payload.unwrap().term().unwrap();
        assert_eq!(term, Term::Atom(Atom::from_static("alive")));
        assert_eq!(line.incoming.poll_event(), None, "and says nothing else");
    }
}

impl Form {
    fn flags(self) -> Flags {
        match self {
            Self::PassThrough => Flags::OURS.without(Flags::FRAGMENTS | Flags::DIST_HDR_ATOM_CACHE),
            Self::Header | Self::Cached | Self::Fragments => Flags::OURS,
        }
    }
}

#[test]
fn malformed_control_messages_close_their_connection_and_do_nothing_else() {
    let stage = Stage::new();
    let world = stage.world();
    let mut witness = stage.connected(WITNESS, Flags::OURS);
    let cases = world.cases();
    assert!(cases.len() >= 2_300, "only {} cases", cases.len());
    let before = (stage.node.processes().pids(), stage.node.processes().counters().read());
    let mut number = 0;
    for form in FORMS {
        let mut seen = std::collections::BTreeSet::new();
        for case in &cases {
            let frames = world.frames(case, form);
            assert!(seen.insert(frames.clone()), "each case is its own: {form:?} {}", case.label);
            let mut bad = stage.connected(PEER, form.flags());
            let closed = bad.channel.handle_bytes(Instant::ZERO, &frames);
            let reason = closed.expect_err(&format!("{form:?} {}", case.label)).to_string();
            for says in &case.says {
                assert!(reason.contains(says), "{form:?} {}: {reason}", case.label);
            }
            drop(bad);
            number += 1;
            if number % CASES_PER_LOOK == 0 {
                stage.check_alive(&mut witness);
            }
        }
    }
    stage.check_alive(&mut witness);
    let after = (stage.node.processes().pids(), stage.node.processes().counters().read());
    assert_eq!(before, after, "no process has begun, ended or got anything");
    assert_eq!(stage.node.connected(), [(NodeName::new(WITNESS).unwrap(), false)]);
    let info = stage.node.processes().info(stage.keeper).unwrap();
    assert!(info.links.is_empty() && info.monitored_by.is_empty(), "{info:?}");
}

/// Well-formed signals that a legal race, or a restart of this node, makes come too late.
fn stale(world: &World<'_>) -> Vec<(&'static str, Vec<u8>)> {
    let (int, atom, tuple) = (wire::int, wire::atom, wire::tuple);
    let from = wire::pid(PEER, 1, 0, PEERS_CREATION);
    let keeper = wire::pid(NODE, world.target.0, world.target.1, CREATION);
    let nobody = wire::pid(NODE, 9_999, 0, CREATION);
    let former = wire::pid(NODE, world.target.0, world.target.1, CREATION - 1);
    let theirs = wire::reference(PEER, PEERS_CREATION, [7, 7, 7]);
    let (ours, former_ours) =
        (wire::reference(NODE, CREATION, [7, 7, 7]), wire::reference(NODE, CREATION - 1, [7, 7, 7]));
    let normal = |parts: &[Vec<u8>]| wire::normal(&tuple(parts), &[]);
    let with = |parts: &[Vec<u8>], payload: &[u8]| wire::normal(&tuple(parts), payload);
    let mut stale = vec![
        ("EXIT after unlink", normal(&[int(3), from.clone(), keeper.clone(), atom("kill")])),
        ("EXIT after unlink, with payload", with(&[int(24), from.clone(), keeper.clone()], &atom("kill"))),
        ("DOWN after demonitor", normal(&[int(21), from.clone(), keeper.clone(), ours.clone(), atom("x")])),
        ("DOWN with payload", with(&[int(28), from.clone(), keeper.clone(), ours.clone()], &atom("x"))),
        ("DOWN by name", normal(&[int(21), atom("gone"), keeper.clone(), ours.clone(), atom("x")])),
        ("UNLINK without a link", normal(&[int(35), int(1), from.clone(), keeper.clone()])),
        ("acknowledgement of no unlink", normal(&[int(36), int(1), from.clone(), keeper.clone()])),
        ("the old unlink", normal(&[int(4), from.clone(), keeper.clone()])),
        ("demonitor of nothing", normal(&[int(20), from.clone(), keeper, theirs.clone()])),
        ("demonitor of no name", normal(&[int(20), from.clone(), atom("nobody"), theirs])),
        ("a message to no name", with(&[int(6), from.clone(), atom(""), atom("nobody")], &[106])),
        ("an answer to no request", normal(&[int(31), ours.clone(), nobody.clone(), int(0), atom("x")])),
        ("a node link", normal(&[int(5)])),
    ];
    for alias in [&ours, &former_ours] {
        stale.push(("a message to no alias", with(&[int(33), from.clone(), alias.clone()], &[106])));
        stale.push(("and by 37", with(&[int(37), int(4), from.clone(), alias.clone()], &[106])));
    }
    for gone in [&nobody, &former] {
        stale.extend([
            ("a message to nobody", with(&[int(22), from.clone(), gone.clone()], &[106])),
            ("a message of nobody to nobody", with(&[int(2), atom(""), gone.clone()], &[106])),
            ("exit/2 to nobody", normal(&[int(8), from.clone(), gone.clone(), atom("kill")])),
            ("a group leader for nobody", normal(&[int(7), from.clone(), gone.clone()])),
            ("a DOWN for nobody", normal(&[int(21), from.clone(), gone.clone(), ours.clone(), atom("x")])),
            ("an EXIT for nobody", normal(&[int(3), from.clone(), gone.clone(), atom("x")])),
            ("an UNLINK for nobody", normal(&[int(35), int(5), from.clone(), gone.clone()])),
        ]);
    }
    stale
}

#[test]
fn stale_control_messages_are_ignored() {
    let stage = Stage::new();
    let world = stage.world();
    let mut witness = stage.connected(WITNESS, Flags::OURS);
    let mut peer = stage.connected(PEER, Flags::OURS);
    let before = stage.node.processes().pids();
    for (label, frames) in stale(&world) {
        for _ in 0..2 {
            let taken = peer.channel.handle_bytes(Instant::ZERO, &frames);
            assert!(taken.is_ok(), "{label}: {taken:?}");
            stage.run();
            stage.check_alive(&mut witness);
        }
    }
    assert_eq!(before, stage.node.processes().pids());
    assert_eq!(stage.node.connected().len(), 2);
    // What they were about is answered, where an answer is due, and by nothing else.
    let mut out = Vec::new();
    let open: Result<(), CloseReason> = peer.channel.poll_transmit(&mut out, Waker::noop());
    assert!(open.is_ok());
}

/// Each of two peers holds what it may by itself; together it is too much, and the greedy one goes.
#[test]
fn what_all_connections_hold_is_bounded() {
    let stage = Stage::with(|config| config.held_bytes_max = 100_000);
    let world = stage.world();
    let (mut witness, mut greedy) =
        (stage.connected(WITNESS, Flags::OURS), stage.connected(PEER, Flags::OURS));
    let keeper = wire::pid(NODE, world.target.0, world.target.1, CREATION);
    let first = |name: &str, len: usize| {
        let send = wire::tuple(&[wire::int(22), wire::pid(name, 1, 0, PEERS_CREATION), keeper.clone()]);
        wire::first(1, 9, &send, &vec![106; len])
    };
    assert!(greedy.channel.handle_bytes(Instant::ZERO, &first(PEER, 90_000)).is_ok());
    assert!(witness.channel.handle_bytes(Instant::ZERO, &first(WITNESS, 40_000)).is_ok());
    let reason = greedy.channel.handle_bytes(Instant::ZERO, &wire::next(1, 8, &[106])).unwrap_err();
    assert!(matches!(&reason, CloseReason::Holds(holds) if holds.limit == 100_000), "{reason}");
    drop(greedy);
    // What it held is free again.
    assert!(witness.channel.handle_bytes(Instant::ZERO, &wire::next(1, 8, &vec![106; 50_000])).is_ok());
    stage.check_alive(&mut witness);
}
