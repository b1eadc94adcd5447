//! Groups as values: limits, and scopes on several nodes that tell each other of their members.
//!
//! What one state sends another is delivered in the order in which it was sent. Tests that bear the name of one of
//! OTP's own cases prove the same fact.

use super::peer::PeerMessage;
use super::state::{Effect, Refused, State};
use super::{GroupError, GroupEvent, GroupLimits, Membership};
use engset_process::Dest;
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const GROUP: Term = Term::atom("group");
const SCOPE: Atom = Atom::from_static("scope");

/// Scopes of one name on several nodes.
struct Cluster {
    states: BTreeMap<NodeName, State>,
    /// The pairs of nodes that are connected.
    links: BTreeSet<(NodeName, NodeName)>,
    /// What is on its way.
    wire: VecDeque<(NodeName, PeerMessage)>,
    watched: BTreeSet<(NodeName, Pid)>,
    told: Vec<(Pid, GroupEvent)>,
}

fn node(number: usize) -> NodeName {
    NodeName::new(&format!("n{number}@groups")).expect("a name")
}

fn pid(at: usize, number: u32) -> Pid {
    Pid::new(node(at), 1, number, 0)
}

/// The scope's process on a node.
fn scope(at: usize) -> Pid {
    pid(at, 0)
}

fn reference(number: u32) -> Reference {
    Reference::new(NodeName::NONODE, 1, &[number, 0, 0]).expect("three words")
}

impl Cluster {
    /// Nodes without connections.
    fn apart(nodes: usize) -> Self {
        let states = (0..nodes).map(|at| (node(at), State::new(scope(at), GroupLimits::default())));
        Self {
            states: states.collect(),
            links: BTreeSet::new(),
            wire: VecDeque::new(),
            watched: BTreeSet::new(),
            told: Vec::new(),
        }
    }

    /// Nodes each of which is connected to each.
    fn together(nodes: usize) -> Self {
        let mut cluster = Self::apart(nodes);
        for a in 0..nodes {
            for b in 0..a {
                cluster.connect(a, b);
            }
        }
        cluster
    }

    fn connect(&mut self, a: usize, b: usize) {
        self.links.extend([(node(a), node(b)), (node(b), node(a))]);
        self.at(a, |state| state.handle_node_up(SCOPE, node(b)));
        self.at(b, |state| state.handle_node_up(SCOPE, node(a)));
    }

    fn disconnect(&mut self, a: usize, b: usize) {
        for (here, there) in [(a, b), (b, a)] {
            self.links.remove(&(node(here), node(there)));
            self.wire.retain(|(to, message)| *to != node(here) || from(message).node() != node(there));
            if self.watched.remove(&(node(here), scope(there))) {
                self.at(here, |state| state.handle_ended(scope(there)));
            }
        }
    }

    /// Lets a state do something, and all that follows of it.
    fn at<T>(&mut self, at: usize, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(self.states.get_mut(&node(at)).expect("a node"));
        self.collect(node(at));
        while let Some((to, message)) = self.wire.pop_front() {
            // Of a peer that is not known any more it is dropped.
            let _refused = self.states.get_mut(&to).expect("a node").handle_peer(message);
            self.collect(to);
        }
        result
    }

    fn collect(&mut self, at: NodeName) {
        while let Some(effect) = self.states.get_mut(&at).expect("a node").poll_effect() {
            match effect {
                Effect::Watch(pid) => assert!(self.watched.insert((at, pid)), "{pid} is watched twice"),
                Effect::Unwatch(pid) => assert!(self.watched.remove(&(at, pid)), "{pid} is not watched"),
                Effect::Tell(watcher, event) => self.told.push((watcher, event)),
                Effect::Send(to, message) => {
                    let to = match to {
                        Dest::Pid(pid) => pid.node(),
                        Dest::RemoteName(name, to) if name == SCOPE => to,
                        to => panic!("nobody is at {to:?}"),
                    };
                    if self.links.contains(&(at, to)) {
                        // As over the wire: what is written is read.
                        let message = PeerMessage::from_term(&message.into_term()).expect("a message");
                        self.wire.push_back((to, message));
                    }
                }
            }
        }
    }

    fn join(&mut self, at: usize, numbers: &[u32]) {
        let pids = numbers.iter().map(|number| pid(at, *number)).collect();
        assert_eq!(self.at(at, |state| state.handle_join(GROUP, pids)), Ok(()));
    }

    fn members(&self, at: usize) -> Vec<Pid> {
        let mut members: Vec<Pid> = self.states[&node(at)].members(&GROUP).collect();
        members.sort();
        members
    }

    /// All nodes know the same members.
    fn expect(&self, nodes: &[usize], members: &[Pid]) {
        let mut expected = members.to_vec();
        expected.sort();
        for at in nodes {
            assert_eq!(self.members(*at), expected, "on node {at}");
        }
    }
}

fn from(message: &PeerMessage) -> Pid {
    match message {
        PeerMessage::Discover { peer }
        | PeerMessage::Sync { peer, .. }
        | PeerMessage::Join { peer, .. }
        | PeerMessage::Leave { peer, .. } => *peer,
    }
}

/// As many memberships as there may be, and not one more, of which nothing is left behind.
#[test]
fn memberships_have_a_limit() {
    let limits = GroupLimits { memberships: 3, ..GroupLimits::default() };
    let mut state = State::new(scope(0), limits);
    assert_eq!(state.handle_join(GROUP, vec![pid(0, 1), pid(0, 1)]), Ok(()));
    assert_eq!(state.handle_join(GROUP, vec![pid(0, 2), pid(0, 3)]), Err(GroupError::TooManyMemberships(3)));
    assert_eq!(state.members(&GROUP).count(), 2);
    assert_eq!(state.handle_join(Term::Nil, vec![pid(0, 2)]), Ok(()));
    assert_eq!(state.handle_join(GROUP, vec![pid(0, 1)]), Err(GroupError::TooManyMemberships(3)));
    state.handle_ended(pid(0, 1));
    assert_eq!(state.handle_join(GROUP, vec![pid(0, 4), pid(0, 4)]), Ok(()));
    assert_eq!(state.handle_join(GROUP, vec![pid(0, 4)]), Err(GroupError::TooManyMemberships(3)));
}

/// As many monitors as there may be, and not one more.
#[test]
fn monitors_have_a_limit() {
    let mut state = State::new(scope(0), GroupLimits { monitors: 2, ..GroupLimits::default() });
    let watch = |state: &mut State, number| state.handle_monitor(pid(0, 1), reference(number), None);
    assert_eq!(watch(&mut state, 1), Ok(vec![]));
    assert_eq!(watch(&mut state, 2), Ok(vec![]));
    assert_eq!(watch(&mut state, 3), Err(GroupError::TooManyMonitors(2)));
    assert!(state.handle_demonitor(reference(1)) && !state.handle_demonitor(reference(1)));
    assert_eq!(watch(&mut state, 3), Ok(vec![]));
    state.handle_ended(pid(0, 1));
    assert_eq!(watch(&mut state, 4), Ok(vec![]));
}

/// As many peers as there may be; what one more tells is dropped. A peer that tells of more members than there may be is
/// dropped with all that it told, and met again when it asks.
#[test]
fn peers_have_a_limit() {
    let limits = GroupLimits { peers: 1, memberships: 2, ..GroupLimits::default() };
    let mut state = State::new(scope(0), limits);
    assert_eq!(state.handle_peer(PeerMessage::Discover { peer: scope(1) }), Ok(()));
    assert_eq!(state.handle_peer(PeerMessage::Discover { peer: scope(2) }), Err(Refused::Peers(1)));
    let sync = PeerMessage::Sync { peer: scope(2), groups: vec![(GROUP, vec![pid(2, 1)])] };
    assert_eq!(state.handle_peer(sync), Err(Refused::Peers(1)));
    assert_eq!(state.handle_peer(join_of(1, GROUP, &[1, 2])), Ok(()));
    assert_eq!(state.members(&GROUP).count(), 2);
    assert_eq!(state.handle_peer(join_of(1, GROUP, &[3])), Err(Refused::Memberships(2)));
    assert_eq!(state.members(&GROUP).count(), 0);
    assert_eq!(state.handle_peer(join_of(1, GROUP, &[1])), Err(Refused::Stranger));
    assert_eq!(state.handle_peer(PeerMessage::Discover { peer: scope(2) }), Ok(()));
    assert_eq!(state.handle_peer(join_of(2, GROUP, &[1, 2])), Ok(()));
}

/// A peer whose node was lost here, and which has not noticed, tells of changes over the next connection: they are dropped
/// as a race, which is no warning, and are in what it tells when it is asked.
#[test]
fn a_peer_that_has_not_noticed_a_loss_is_no_reason_to_warn() {
    let mut state = State::new(scope(0), GroupLimits::default());
    assert_eq!(state.handle_peer(PeerMessage::Discover { peer: scope(1) }), Ok(()));
    state.handle_ended(scope(1));
    for member in [1, 2] {
        let refused = state.handle_peer(join_of(1, GROUP, &[member])).expect_err("it is forgotten");
        assert!(refused.is_a_race());
    }
    let sync = PeerMessage::Sync { peer: scope(1), groups: vec![(GROUP, vec![pid(1, 1), pid(1, 2)])] };
    assert_eq!(state.handle_peer(sync), Ok(()));
    assert_eq!(state.members(&GROUP).count(), 2);
    assert!(!Refused::Memberships(2).is_a_race());
}

/// One peer has as many memberships and groups as one may have, whatever the others have.
#[test]
fn what_one_peer_has_has_a_limit() {
    let limits = GroupLimits { peer_memberships: 3, peer_groups: 2, ..GroupLimits::default() };
    let mut state = State::new(scope(0), limits);
    let meet = |state: &mut State, at| {
        assert_eq!(state.handle_peer(PeerMessage::Discover { peer: scope(at) }), Ok(()));
        assert_eq!(state.handle_peer(join_of(at, GROUP, &[1])), Ok(()));
        assert_eq!(state.handle_peer(join_of(at, Term::Nil, &[1])), Ok(()));
    };
    meet(&mut state, 1);
    meet(&mut state, 2);
    assert_eq!(state.handle_peer(join_of(1, Term::int(1), &[1])), Err(Refused::PeerGroups(2)));
    assert_eq!(state.members(&GROUP).collect::<Vec<_>>(), [pid(2, 1)]);
    assert_eq!(state.handle_peer(join_of(2, GROUP, &[1])), Ok(()));
    assert_eq!(state.handle_peer(join_of(2, GROUP, &[1])), Err(Refused::PeerMemberships(3)));
    assert_eq!(state.groups(), []);
    meet(&mut state, 1);
    let gone = PeerMessage::Leave { peer: scope(1), pids: vec![pid(1, 1)], groups: vec![Term::Nil] };
    assert_eq!(state.handle_peer(gone), Ok(()));
    assert_eq!(state.handle_peer(join_of(1, Term::int(1), &[1, 1])), Ok(()));
    let effects = std::iter::from_fn(|| state.poll_effect());
    let unwatched = effects.filter(|effect| matches!(effect, Effect::Unwatch(_)));
    assert_eq!(unwatched.collect::<Vec<_>>(), [Effect::Unwatch(scope(1)), Effect::Unwatch(scope(2))]);
}

fn join_of(at: usize, group: Term, numbers: &[u32]) -> PeerMessage {
    PeerMessage::Join {
        peer: scope(at),
        group,
        pids: numbers.iter().map(|number| pid(at, *number)).collect(),
    }
}

/// Whoever is neither a member nor watches is watched no more.
#[test]
fn only_who_matters_is_watched() {
    let mut cluster = Cluster::apart(1);
    cluster.join(0, &[1, 1]);
    cluster.at(0, |state| state.handle_monitor(pid(0, 1), reference(1), Some(GROUP))).expect("room");
    for _ in 0..2 {
        assert_eq!(cluster.at(0, |state| state.handle_leave(&GROUP, &[pid(0, 1)])), Ok(()));
        assert_eq!(cluster.watched.len(), 1);
    }
    assert!(cluster.at(0, |state| state.handle_demonitor(reference(1))));
    assert!(cluster.watched.is_empty());
}

/// A peer speaks for its own node only, and only once it is known.
#[test]
fn a_peer_speaks_for_its_own_node() {
    let mut state = State::new(scope(0), GroupLimits::default());
    let join = |pids| PeerMessage::Join { peer: scope(1), group: GROUP, pids };
    assert_eq!(state.handle_peer(join(vec![pid(1, 1)])), Err(Refused::Stranger));
    assert_eq!(state.handle_peer(PeerMessage::Discover { peer: scope(1) }), Ok(()));
    assert_eq!(state.handle_peer(join(vec![pid(1, 1), pid(2, 1), pid(0, 1)])), Ok(()));
    assert_eq!(state.members(&GROUP).collect::<Vec<_>>(), [pid(1, 1)]);
}

/// Two nodes know each other's members, those from before they met and those from after, and forget those who left.
#[test]
fn two() {
    let mut cluster = Cluster::apart(2);
    cluster.join(0, &[1]);
    cluster.join(1, &[1]);
    cluster.connect(0, 1);
    cluster.join(0, &[2]);
    cluster.expect(&[0, 1], &[pid(0, 1), pid(0, 2), pid(1, 1)]);
    assert_eq!(cluster.states[&node(1)].local_members(&GROUP).collect::<Vec<_>>(), [pid(1, 1)]);
    assert_eq!(cluster.at(0, |state| state.handle_leave(&GROUP, &[pid(0, 1)])), Ok(()));
    cluster.at(1, |state| state.handle_ended(pid(1, 1)));
    cluster.expect(&[0, 1], &[pid(0, 2)]);
}

/// Whoever has a group before the others exist is known to them from their beginning.
#[test]
fn initial() {
    let mut cluster = Cluster::apart(2);
    cluster.join(0, &[1]);
    cluster.connect(1, 0);
    cluster.expect(&[0, 1], &[pid(0, 1)]);
}

/// Nodes that lose each other keep their own members, and know all again afterwards.
#[test]
fn netsplit() {
    let mut cluster = Cluster::together(2);
    cluster.join(0, &[1]);
    cluster.join(1, &[1]);
    cluster.disconnect(0, 1);
    cluster.expect(&[0], &[pid(0, 1)]);
    cluster.expect(&[1], &[pid(1, 1)]);
    cluster.join(0, &[2]);
    cluster.connect(0, 1);
    cluster.expect(&[0, 1], &[pid(0, 1), pid(0, 2), pid(1, 1)]);
}

/// Of three nodes, two lose each other and both keep the third.
#[test]
fn trisplit() {
    let mut cluster = Cluster::together(3);
    for at in 0..3 {
        cluster.join(at, &[1]);
    }
    cluster.disconnect(1, 2);
    cluster.expect(&[0], &[pid(0, 1), pid(1, 1), pid(2, 1)]);
    cluster.expect(&[1], &[pid(0, 1), pid(1, 1)]);
    cluster.at(2, |state| state.handle_leave(&GROUP, &[pid(2, 1)])).expect("it is a member");
    cluster.connect(1, 2);
    cluster.expect(&[0, 1, 2], &[pid(0, 1), pid(1, 1)]);
}

/// Four nodes fall into two halves and come together again, with what changed meanwhile.
#[test]
fn foursplit() {
    let mut cluster = Cluster::together(4);
    for at in 0..4 {
        cluster.join(at, &[1]);
    }
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        cluster.disconnect(a, b);
    }
    cluster.join(0, &[2]);
    cluster.at(3, |state| state.handle_ended(pid(3, 1)));
    cluster.expect(&[0, 1], &[pid(0, 1), pid(0, 2), pid(1, 1)]);
    cluster.expect(&[2, 3], &[pid(2, 1)]);
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        cluster.connect(a, b);
    }
    cluster.expect(&[0, 1, 2, 3], &[pid(0, 1), pid(0, 2), pid(1, 1), pid(2, 1)]);
}

/// Members that joined several times are that also for the others, after any exchange.
#[test]
fn exchange() {
    let mut cluster = Cluster::apart(2);
    cluster.join(0, &[1, 1, 2]);
    cluster.join(1, &[1]);
    cluster.connect(0, 1);
    cluster.connect(1, 0);
    cluster.expect(&[0, 1], &[pid(0, 1), pid(0, 1), pid(0, 2), pid(1, 1)]);
    cluster.at(0, |state| state.handle_leave(&GROUP, &[pid(0, 1)])).expect("it is a member");
    cluster.expect(&[0, 1], &[pid(0, 1), pid(0, 2), pid(1, 1)]);
    cluster.at(0, |state| state.handle_ended(pid(0, 1)));
    cluster.expect(&[0, 1], &[pid(0, 2), pid(1, 1)]);
}

/// A scope's process that is restarted has no members of its own, and learns those of the others.
#[test]
fn scope_restart() {
    let mut cluster = Cluster::together(2);
    cluster.join(0, &[1]);
    cluster.join(1, &[1]);
    cluster.disconnect(0, 1);
    cluster.watched.clear();
    cluster.states.insert(node(0), State::new(scope(0), GroupLimits::default()));
    cluster.connect(0, 1);
    cluster.expect(&[0, 1], &[pid(1, 1)]);
}

/// A join is not sent to a node whose scope does not run; it learns of it when it does.
#[test]
fn missing_scope_join() {
    let mut cluster = Cluster::apart(3);
    cluster.connect(0, 1);
    cluster.join(0, &[1]);
    assert_eq!(cluster.members(2), []);
    cluster.connect(2, 0);
    cluster.expect(&[0, 1, 2], &[pid(0, 1)]);
}

/// A group that loses its last member because another node says so is no group any more.
#[test]
fn empty_group_by_remote_leave() {
    let mut cluster = Cluster::together(2);
    cluster.join(0, &[1]);
    assert_eq!(cluster.states[&node(1)].groups(), [GROUP]);
    cluster.at(0, |state| state.handle_leave(&GROUP, &[pid(0, 1)])).expect("it is a member");
    assert_eq!(cluster.states[&node(1)].groups(), []);
    assert_eq!(cluster.states[&node(1)].local_groups(), []);
}

/// Scopes that start before their nodes are connected know each other once they are.
#[test]
fn disconnected_start() {
    let mut cluster = Cluster::apart(2);
    cluster.at(0, |state| state.handle_node_up(SCOPE, node(1)));
    cluster.join(0, &[1]);
    cluster.expect(&[1], &[]);
    cluster.connect(0, 1);
    cluster.expect(&[0, 1], &[pid(0, 1)]);
}

/// A peer that tells all its groups at once is believed: what is missing has left, what is new has joined.
#[test]
fn forced_sync() {
    let mut cluster = Cluster::together(2);
    cluster.join(1, &[1, 1, 2]);
    cluster.at(0, |state| state.handle_monitor(pid(0, 9), reference(1), None)).expect("room");
    let groups = vec![(GROUP, vec![pid(1, 1), pid(1, 3)]), (Term::Nil, vec![pid(1, 1)])];
    assert_eq!(
        cluster.at(0, |state| state.handle_peer(PeerMessage::Sync { peer: scope(1), groups })),
        Ok(())
    );
    cluster.expect(&[0], &[pid(1, 1), pid(1, 3)]);
    let event = |what, group, pids| (pid(0, 9), GroupEvent { monitor: reference(1), what, group, pids });
    let told = std::mem::take(&mut cluster.told);
    assert_eq!(told.len(), 3);
    assert_eq!(told[0], event(Membership::Left, GROUP, vec![pid(1, 1), pid(1, 2)]));
    assert!(told.contains(&event(Membership::Joined, GROUP, vec![pid(1, 3)])));
    assert!(told.contains(&event(Membership::Joined, Term::Nil, vec![pid(1, 1)])));
}

/// Members that leave in one request leave on all nodes.
#[test]
fn group_leave() {
    let mut cluster = Cluster::together(2);
    cluster.join(0, &[1, 2, 2]);
    cluster.at(0, |state| state.handle_leave(&GROUP, &[pid(0, 1), pid(0, 2), pid(0, 7)])).expect("two are");
    cluster.expect(&[0, 1], &[pid(0, 2)]);
    let nobody = cluster.at(0, |state| state.handle_leave(&GROUP, &[pid(0, 1)]));
    assert_eq!(nobody, Err(GroupError::NotJoined));
}

/// Who watches is told of the members of other nodes, and of their loss with the connection.
#[test]
fn watchers_are_told_of_other_nodes() {
    let mut cluster = Cluster::together(2);
    let seen = cluster.at(0, |state| state.handle_monitor(pid(0, 9), reference(1), Some(GROUP)));
    assert_eq!(seen, Ok(vec![(GROUP, vec![])]));
    cluster.join(1, &[1]);
    cluster.disconnect(0, 1);
    let event = |what| GroupEvent { monitor: reference(1), what, group: GROUP, pids: vec![pid(1, 1)] };
    assert_eq!(cluster.told, [(pid(0, 9), event(Membership::Joined)), (pid(0, 9), event(Membership::Left)),]);
}
