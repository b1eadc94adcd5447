//! A name that comes and goes, and the translation at the edge.

use super::{Alias, NameAwaited, OwnName};
use crate::channel::{Channel, CloseReason};
use crate::config::NodeConfig;
use crate::node::{Dial, Network, Node};
use crate::peers::AttemptId;
use engset_dist::Flags;
use engset_dist::connection::Received;
use engset_dist::control::{Control, Process, Reason, Spawn, SpawnResult};
use engset_dist::handshake::{Cookie, Established, Framing, LocalNode};
use engset_etf::{Body, Payload, encode_body};
use engset_process::Scheduler;
use engset_term::{Instant, NodeName, Pid, Reference, Term};
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::Waker;

fn local() -> LocalNode {
    LocalNode {
        name: "nonode@nohost".to_owned(),
        flags: Flags::OURS,
        creation: 1,
        cookie: Cookie::new("c").unwrap(),
        visible: true,
    }
}

fn established(local: &str) -> Established {
    Established {
        peer: "b@h".to_owned(),
        peer_creation: 9,
        peer_flags: Flags::OURS,
        flags: Flags::OURS,
        local: local.to_owned(),
        local_creation: 77,
        leftover: Vec::new(),
    }
}

#[test]
fn a_name_comes_with_the_first_connection_and_goes_with_it() {
    let own = OwnName::new("h".to_owned());
    let (first, second) = (AttemptId(1), AttemptId(2));
    let asking = own.present(local());
    assert_eq!((asking.name.as_str(), asking.creation, asking.visible), ("h", 0, false));
    assert!(asking.flags.contains(Flags::NAME_ME));
    own.begin(first).unwrap();
    assert_eq!(own.begin(second), Err(NameAwaited));
    own.failed(second);
    assert_eq!(own.begin(second), Err(NameAwaited), "the first goes on");
    own.failed(first);
    own.begin(second).unwrap();
    assert_eq!(own.established(first, &established("X@h"), 1), Ok(None), "it was not asked");
    let name = NodeName::new("X@h").unwrap();
    assert_eq!(own.established(second, &established("X@h"), 1), Ok(Some(name)));
    assert_eq!(own.alias().unwrap().name(), name);
    let named = own.present(local());
    assert_eq!((named.name.as_str(), named.creation, named.visible), ("X@h", 77, false));
    assert!(!named.flags.contains(Flags::NAME_ME));
    let third = AttemptId(3);
    own.begin(third).unwrap();
    assert_eq!(own.lost(third), None, "the name came by another");
    assert_eq!(own.lost(second), Some(name));
    assert!(own.alias().is_none() && own.lost(second).is_none());
    own.begin(third).unwrap();
    assert!(own.established(third, &established("no name"), 1).is_err());
}

fn alias() -> Alias {
    let name = NodeName::new("X@h").unwrap();
    Alias { name, creation: 77, inside: 1, _pin: name.pin() }
}

/// A pid and a reference of this node inside, and outside.
fn ours() -> [(Pid, Reference); 2] {
    let name = NodeName::new("X@h").unwrap();
    [(NodeName::NONODE, 1), (name, 77)].map(|(node, creation)| {
        (Pid::new(node, creation, 5, 6), Reference::from_words(node, creation, [1, 2, 3]))
    })
}

#[test]
fn everything_of_a_signal_is_translated_both_ways() {
    let theirs = Pid::new(NodeName::new("b@h").unwrap(), 9, 5, 6);
    let atom = engset_term::Atom::from_static;
    let signals = |(pid, reference): (Pid, Reference)| {
        let term = || Term::tuple([Term::Pid(pid), Term::Ref(reference), Term::atom("nonode@nohost")]);
        let (token, reason) = (Some(Box::new(term())), Reason::Inline(Box::new(term())));
        let function = engset_dist::control::Mfa { module: atom("m"), function: atom("f"), arity: 0 };
        [
            Control::Link { from: pid, to: theirs },
            Control::UnlinkId { id: 1, from: theirs, to: pid },
            Control::Send { from: Some(pid), to: theirs, token: token.clone() },
            Control::Exit { from: pid, to: theirs, token: token.clone(), reason },
            Control::RegSend { from: pid, to: atom("a"), token: token.clone() },
            Control::MonitorP { from: theirs, to: Process::Pid(pid), reference },
            Control::MonitorPExit { from: Process::Pid(pid), to: theirs, reference, reason: Reason::Payload },
            Control::SpawnRequest {
                request: reference,
                from: pid,
                spawn: Box::new(Spawn { group_leader: pid, function, options: vec![term()] }),
                token: token.clone(),
            },
            Control::SpawnReply {
                request: reference,
                to: theirs,
                linked: false,
                monitored: false,
                result: SpawnResult::Spawned(pid),
                token: token.clone(),
            },
            Control::AliasSend { from: theirs, to: reference, token },
        ]
    };
    let [inside, outside] = ours().map(signals);
    for (inside, outside) in inside.into_iter().zip(outside) {
        assert_eq!(alias().outward(inside.clone(), None), (outside.clone(), None));
        let received = alias().inward(Received { control: outside, payload: None });
        assert_eq!(received.control, inside);
    }
}

#[test]
fn what_a_message_holds_is_translated_and_atoms_are_not() {
    let message = |(pid, reference)| {
        let atom = Term::atom("nonode@nohost");
        let term = Term::list([Term::map([(Term::Pid(pid), Term::Ref(reference))]), atom]);
        let mut bytes = Vec::new();
        encode_body(&term, &mut bytes);
        bytes
    };
    let [inside, outside] = ours().map(message);
    let (_, sent) = alias().outward(Control::NodeLink, Some(Body::from(inside.clone())));
    assert_eq!(sent.unwrap().into_bytes(), outside);
    let payload = Some(Payload::from(outside));
    let received = alias().inward(Received { control: Control::NodeLink, payload });
    assert_eq!(received.payload.unwrap().bytes(), &inside);
    let broken = Payload::from(vec![104, 3]);
    let received = alias().inward(Received { control: Control::NodeLink, payload: Some(broken.clone()) });
    assert_eq!(received.payload, Some(broken));
}

#[test]
fn processes_of_earlier_holders_of_the_name_are_not_ours() {
    let name = NodeName::new("X@h").unwrap();
    for creation in [1, 76] {
        let to = Pid::new(name, creation, 5, 6);
        let received = alias().inward(Received { control: Control::Link { from: to, to }, payload: None });
        let Control::Link { to, .. } = received.control else { panic!("another signal") };
        assert_eq!(to.node(), NodeName::NONODE);
        assert_ne!(to.creation(), 1);
        // The peer gets its answer from whom it asked.
        let sent = alias().outward(Control::Link { from: to, to }, None);
        let asked = Pid::new(name, creation, 5, 6);
        assert_eq!(sent, (Control::Link { from: asked, to: asked }, None));
    }
}

/// Keeps whom its node wants to dial.
#[derive(Default)]
struct Wishes(Mutex<Option<Dial>>);

impl Network for Wishes {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        *self.0.lock() = Some(dial);
    }
}

/// A node, with a name or one that asks for it, dials another and `meanwhile` happens; how its attempt ends.
fn interrupted(name: Option<&str>, meanwhile: impl Fn(&Arc<Node>)) -> (Arc<Node>, CloseReason) {
    let wishes = Arc::<Wishes>::default();
    let node = |name: Option<&str>| {
        let own = name.map_or(NodeName::NONODE, |name| NodeName::new(name).unwrap());
        let mut config = NodeConfig::new(own, 1, Cookie::new("c").unwrap(), 0);
        config.asks_for_name_at = name.is_none().then(|| "h".to_owned());
        Node::new(config, Scheduler::seeded(1), Arc::clone(&wishes) as _)
    };
    let (near, far) = (node(name), node(Some("far@h")));
    near.connect(far.name(), |_| {});
    let dial = wishes.0.lock().take().unwrap();
    let mut dialled = Channel::dialled(Arc::clone(&near), dial, Instant::ZERO, 5, Framing::Two).unwrap();
    let mut accepted = Channel::accepted(far, Instant::ZERO, 3, Framing::Two).unwrap();
    meanwhile(&near);
    let mut out = Vec::new();
    loop {
        dialled.poll_transmit(&mut out, Waker::noop()).unwrap();
        accepted.handle_bytes(Instant::ZERO, &std::mem::take(&mut out).concat()).unwrap();
        accepted.poll_transmit(&mut out, Waker::noop()).unwrap();
        let answer = std::mem::take(&mut out).concat();
        if let Err(closed) = dialled.handle_bytes(Instant::ZERO, &answer) {
            return (near, closed);
        }
        assert!(dialled.peer().is_none(), "the connection came up");
    }
}

#[test]
fn a_name_that_comes_when_its_connection_is_cut_is_not_taken() {
    let peer = NodeName::new("far@h").unwrap();
    let (node, closed) = interrupted(None, |node| assert!(node.disconnect(peer)));
    assert!(matches!(closed, CloseReason::ClosedHere), "{closed}");
    assert_eq!((node.name(), node.connected()), (NodeName::NONODE, Vec::new()));
}

/// A node that has left its cluster is not in it again because a handshake was under way.
#[test]
fn no_connection_comes_up_after_the_node_has_closed() {
    for name in [None, Some("near@h")] {
        let (node, closed) = interrupted(name, |node| node.close());
        assert!(matches!(closed, CloseReason::ClosedHere), "{closed}");
        assert!(node.connected().is_empty());
    }
}
