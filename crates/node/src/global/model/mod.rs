//! A model of name servers that meet, lose each other and meet again: the real cores of ours, and OTP's rules as a peer.
//!
//! Hosts are joined by queues in which word of a connection's beginning and end has its place among the messages. What a
//! host's processes tell each other waits in queues of its own, so that any order that may be is one of the walks. See
//! [`search`] for what is searched, and what has to hold.

mod host;
mod otp;
mod registrar;
mod search;
mod shrink;

use super::locking::LockerEffect;
use super::resolve::{Step, plan};
use super::state::Effect;
use super::tables::{Entry, Watch};
use super::wire::{self, Op};
use engset_term::{NodeName, Pid, Term};
use host::{Asking, Host, Own, Server, Who};
use std::collections::{BTreeMap, VecDeque};

/// Whose rules a host goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Otp,
}

/// What may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The next packet from one host to another arrives.
    Deliver(usize, usize),
    /// The name server takes what its own locker or registrar tells it.
    Own(usize, Who),
    Compared(usize),
    Joined(usize),
    Ended(usize),
    /// The locker has waited long enough.
    Turn(usize),
    /// The registrar begins, or tries again.
    Try(usize),
    Connect(usize, usize),
    /// The connection is lost, with all but the first so many packets of each direction.
    Cut(usize, usize, usize, usize),
    Register(usize),
    Unregister(usize),
    Die(usize),
    /// The name server asks a node whether that knows it, which is another answer than is expected.
    Doubt(usize, usize),
    /// Somebody waits until the host agrees with all that it is connected to.
    Sync(usize),
}

/// What goes from one host to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Packet {
    Up,
    Down(u32),
    Cast(Term),
    Plain(Term),
    ToLocker(Term),
    /// With the number of the connection: an answer that goes over another one is none any more.
    Ask(Who, u32, Term),
    Answer(Who, Term),
    /// With the number of the connection.
    AskKnown(u32),
    Knows(bool),
    Watch(Pid),
    Ended(Pid),
    Kill(Pid),
}

/// How often what is no consequence of anything may happen yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Budget {
    cuts: u8,
    registers: u8,
    unregisters: u8,
    deaths: u8,
    syncs: u8,
    /// Of a connection is lost: all that is under way; or nothing; or what goes one way.
    losses: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    hosts: Vec<Host>,
    /// By sender, then by receiver.
    wires: Vec<Vec<VecDeque<Packet>>>,
    /// The number of the connection of each pair, the lesser first, and whether it is up.
    links: BTreeMap<(usize, usize), (u32, bool)>,
    budget: Budget,
    /// Whether what is sent to a host that is not connected makes a connection, or is lost.
    connects: bool,
}

/// The name that is registered.
const NAME: Term = Term::atom("n");

impl World {
    fn new(kinds: &[Kind], budget: Budget, connects: bool) -> Self {
        let hosts: Vec<Host> =
            kinds.iter().enumerate().map(|(place, kind)| Host::new(place, *kind)).collect();
        let wires = vec![vec![VecDeque::new(); hosts.len()]; hosts.len()];
        let pairs = (0..hosts.len()).flat_map(|a| (0..a).map(move |b| (b, a)));
        let links = pairs.map(|pair| (pair, (0, false))).collect();
        let mut world = Self { hosts, wires, links, budget, connects };
        (0..world.hosts.len()).for_each(|at| world.settle(at));
        world
    }

    /// All that may happen now.
    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (from, wires) in self.wires.iter().enumerate() {
            let full = wires.iter().enumerate().filter(|(_, wire)| !wire.is_empty());
            actions.extend(full.map(|(to, _)| Action::Deliver(from, to)));
        }
        for (at, host) in self.hosts.iter().enumerate() {
            host.actions(at, &self.budget, &mut actions);
            actions.extend(
                (0..self.hosts.len()).map(|to| Action::Doubt(at, to)).filter(|doubt| self.doubts(*doubt)),
            );
        }
        for ((a, b), (_, is_up)) in &self.links {
            if !is_up {
                actions.push(Action::Connect(*a, *b));
            } else if self.budget.cuts > 0 {
                const ALL: usize = usize::MAX;
                let keep = [(0, 0), (ALL, ALL), (ALL, 0), (0, ALL)];
                actions.extend(
                    keep[..self.budget.losses].iter().map(|keep| Action::Cut(*a, *b, keep.0, keep.1)),
                );
            }
        }
        actions
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Deliver(from, to) => {
                if let Some(packet) = self.wires[from][to].pop_front() {
                    self.arrive(from, to, packet);
                }
            }
            Action::Own(at, who) => self.own(at, who),
            Action::Compared(at) => {
                if let Some((node, tags, here, there)) = self.hosts[at].compared.pop_front() {
                    self.hosts[at].server.compared(node, tags, here, &there);
                }
            }
            Action::Joined(at) => {
                if let Some(node) = self.hosts[at].joined.pop_front() {
                    let place = self.place(node);
                    let is_up = self.connect_if_allowed(at, place);
                    self.hosts[at].server.joined(node, is_up);
                }
            }
            Action::Ended(at) => {
                if let Some(pid) = self.hosts[at].ended.pop_front() {
                    self.hosts[at].has_ended(pid);
                }
            }
            Action::Turn(at) => self.hosts[at].turn(),
            Action::Try(at) => self.try_registrar(at),
            Action::Connect(a, b) => self.connect(a, b),
            Action::Cut(a, b, there, back) => {
                self.budget.cuts -= 1;
                self.cut(a, b, there, back);
            }
            Action::Register(at) => {
                self.budget.registers -= 1;
                self.hosts[at].begin_to_register();
            }
            Action::Unregister(at) => {
                self.budget.unregisters -= 1;
                self.hosts[at].registrar.want(None);
            }
            Action::Die(at) => {
                self.budget.deaths -= 1;
                if let Some(pid) = self.hosts[at].alive.first().copied() {
                    self.die(at, pid);
                }
            }
            Action::Doubt(at, to) => {
                let epoch = self.link(at, to).0;
                self.send(at, to, Packet::AskKnown(epoch), false);
            }
            Action::Sync(at) => {
                self.budget.syncs -= 1;
                self.hosts[at].is_synced = false;
                self.hosts[at].server.sync();
            }
        }
        (0..self.hosts.len()).for_each(|at| self.settle(at));
    }

    fn arrive(&mut self, from: usize, to: usize, packet: Packet) {
        let sender = self.hosts[from].name;
        match packet {
            Packet::Up => {
                self.hosts[to].node_up(sender);
                self.pay(to);
            }
            Packet::Down(epoch) => {
                for who in [Who::Locker, Who::Registrar] {
                    if self.hosts[to].lose_answer(who, sender, epoch) {
                        self.answered(to, who);
                    }
                }
                self.hosts[to].node_down(from, sender, epoch);
            }
            Packet::Cast(term) => self.hosts[to].server.handle_cast(sender, &term),
            Packet::Plain(term) => self.hosts[to].server.handle_plain(sender, &term),
            Packet::ToLocker(term) => self.hosts[to].lock_set_by_itself(&term),
            Packet::Ask(who, epoch, request) => {
                let asker = self.hosts[from].pid_of(who);
                if let Some(answer) = self.hosts[to].server.request(asker, &request) {
                    // What follows of a request comes before its answer: the answer may be what ends the connection.
                    self.settle(to);
                    let is_up = self.connect_if_allowed(to, from);
                    if is_up && self.link(to, from).0 == epoch {
                        self.send(to, from, Packet::Answer(who, answer), false);
                    }
                }
            }
            Packet::Answer(who, answer) => {
                if self.hosts[to].take_answer(who, sender, answer) {
                    self.answered(to, who);
                }
            }
            Packet::AskKnown(epoch) => {
                let knows = self.hosts[to].server.known().contains(&sender);
                if self.link(to, from) == (epoch, true) {
                    self.send(to, from, Packet::Knows(knows), false);
                }
            }
            Packet::Knows(knows) => {
                if let Server::Ours(state) = &mut self.hosts[to].server {
                    state.handle_known_by(sender, knows);
                }
            }
            Packet::Watch(pid) => {
                if self.hosts[to].alive.contains(&pid) {
                    let epoch = self.link(from, to).0;
                    self.hosts[to].watchers.insert((pid, from, epoch));
                } else {
                    self.send(to, from, Packet::Ended(pid), false);
                }
            }
            Packet::Ended(pid) => self.hosts[to].has_ended(pid),
            Packet::Kill(pid) => self.die(to, pid),
        }
    }

    /// The name server takes what its own locker or registrar tells it.
    fn own(&mut self, at: usize, who: Who) {
        match self.hosts[at].own[who as usize].pop_front() {
            Some(Own::LockIsSet { node, tag, his_tag, requester }) => {
                self.hosts[at].server.lock_is_set(node, tag, &his_tag, requester);
            }
            Some(Own::Ask(request)) => {
                let (me, name) = (self.hosts[at].pid_of(who), self.hosts[at].name);
                if let Some(answer) = self.hosts[at].server.request(me, &request)
                    && self.hosts[at].take_answer(who, name, answer)
                {
                    self.answered(at, who);
                }
            }
            None => {}
        }
    }

    /// All that were asked have answered, or never will.
    fn answered(&mut self, at: usize, who: Who) {
        let Some(asking) = self.hosts[at].asking[who as usize].take() else { return };
        let answers: Vec<(NodeName, Term)> = asking.answers.into_iter().collect();
        match who {
            Who::Locker => self.hosts[at].locker_answered(&answers),
            Who::Registrar => self.registrar_answered(at, &answers),
        }
    }

    fn ask(&mut self, at: usize, who: Who, nodes: &[NodeName], request: &Term) {
        let mut asking = Asking::default();
        let sets_lock = request.as_tuple().is_some_and(|words| words[0].is_atom("set_lock"));
        for node in nodes {
            let to = self.place(*node);
            if to == at {
                self.hosts[at].own[who as usize].push_back(Own::Ask(request.clone()));
                asking.left.insert(*node, 0);
            } else if self.connect_if_allowed(at, to) {
                let epoch = self.link(at, to).0;
                self.send(at, to, Packet::Ask(who, epoch, request.clone()), false);
                asking.left.insert(*node, epoch);
            }
            if sets_lock {
                let epoch = self.link(at, to).0;
                self.hosts[at].links_of_lock[who as usize].insert(to, epoch);
            }
        }
        let is_over = asking.left.is_empty();
        self.hosts[at].asking[who as usize] = Some(asking);
        if is_over {
            self.answered(at, who);
        }
    }

    /// Does what the cores of a host say.
    fn settle(&mut self, at: usize) {
        loop {
            if let Some(effect) = self.hosts[at].server.poll_effect() {
                self.perform(at, effect);
            } else if let Some(effect) = self.hosts[at].locker.poll_effect() {
                self.perform_of_locker(at, effect);
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Watch(Watch::Begin(pid)) => self.watch(at, pid),
            Effect::Watch(Watch::End(pid)) => {
                self.hosts[at].watches.remove(&pid);
            }
            Effect::Cast(node, term) => {
                self.send(at, self.place(node), Packet::Cast(term), true);
            }
            Effect::Tell(node, term) => {
                self.send(at, self.place(node), Packet::Plain(term), false);
            }
            Effect::Locker(message) => self.hosts[at].tell_locker(message),
            Effect::Compare { node, tag, his_tag, names } => self.compare(at, node, (tag, his_tag), names),
            Effect::Join(node) => self.hosts[at].joined.push_back(node),
            Effect::Disconnect(node) => {
                let other = self.place(node);
                if self.link(at, other).1 {
                    self.cut(at.min(other), at.max(other), usize::MAX, usize::MAX);
                }
            }
            Effect::Synced(_) => self.hosts[at].is_synced = true,
        }
    }

    fn perform_of_locker(&mut self, at: usize, effect: LockerEffect) {
        match effect {
            LockerEffect::Ask { word, requester, nodes } => {
                let request = wire::lock_request(word, &super::tables::GLOBAL, &requester);
                self.ask(at, Who::Locker, &nodes, &request);
            }
            LockerEffect::Cast(node, term) => {
                self.send(at, self.place(node), Packet::Cast(term), true);
            }
            LockerEffect::Send(pid, term) => {
                self.send(at, self.place(pid.node()), Packet::ToLocker(term), false);
            }
            LockerEffect::Want(_) | LockerEffect::Forgotten => {}
            LockerEffect::LockIsSet { node, tag, his_tag, requester } => {
                let told = Own::LockIsSet { node, tag, his_tag, requester };
                self.hosts[at].own[Who::Locker as usize].push_back(told);
            }
        }
    }

    /// The lesser node keeps a name that both have, as by OTP's own method.
    fn compare(&mut self, at: usize, node: NodeName, tags: (i64, Option<Term>), names: Vec<Entry>) {
        let me = self.hosts[at].name;
        let (mut here, mut there) = (Vec::new(), Vec::new());
        let steps = match &self.hosts[at].server {
            Server::Ours(state) => plan(names, (&state.tables, &state.left()), (me, node)),
            Server::Otp(otp) => names
                .into_iter()
                .filter_map(|his| match otp.entry(&his.name) {
                    None => Some(Step::Take(his)),
                    Some(ours) if ours.pid != his.pid && me < node => Some(Step::Decide { his, ours }),
                    Some(_) => None,
                })
                .collect(),
        };
        for step in steps {
            match step {
                Step::Take(entry) | Step::TellHere(entry) => here.push(Op::Insert(entry)),
                Step::TellThere(ours) => there.push(Op::Insert(ours)),
                Step::Decide { his, ours } => {
                    let keeps_his = his.pid.node() < ours.pid.node();
                    let killed = if keeps_his { ours.pid } else { his.pid };
                    if keeps_his {
                        here.push(Op::Insert(his));
                    } else {
                        there.push(Op::Insert(ours));
                    }
                    let owner = self.place(killed.node());
                    if owner == at {
                        self.die(at, killed);
                    } else {
                        self.send(at, owner, Packet::Kill(killed), true);
                    }
                }
            }
        }
        self.hosts[at].compared.push_back((node, tags, here, there));
    }

    fn watch(&mut self, at: usize, pid: Pid) {
        let owner = self.place(pid.node());
        if owner == at {
            let is_there = pid.number() <= u64::from(host::REGISTRAR) || self.hosts[at].alive.contains(&pid);
            self.hosts[at].watches.insert(pid, 0);
            if !is_there {
                self.hosts[at].has_ended(pid);
            }
        } else if self.connect_if_allowed(at, owner) {
            let epoch = self.link(at, owner).0;
            self.hosts[at].watches.insert(pid, epoch);
            if pid.number() > u64::from(host::REGISTRAR) {
                self.send(at, owner, Packet::Watch(pid), false);
            }
        } else {
            let epoch = self.link(at, owner).0;
            self.hosts[at].watches.insert(pid, epoch);
            self.hosts[at].has_ended(pid);
        }
    }

    fn die(&mut self, at: usize, pid: Pid) {
        if !self.hosts[at].alive.remove(&pid) {
            return;
        }
        if self.hosts[at].watches.contains_key(&pid) {
            self.hosts[at].ended.push_back(pid);
        }
        let told = std::mem::take(&mut self.hosts[at].watchers);
        for (watched, by, epoch) in told {
            if watched != pid {
                self.hosts[at].watchers.insert((watched, by, epoch));
            } else if self.link(at, by) == (epoch, true) {
                self.send(at, by, Packet::Ended(pid), false);
            }
        }
    }

    /// Whether it goes out.
    fn send(&mut self, from: usize, to: usize, packet: Packet, may_connect: bool) -> bool {
        let is_up = if may_connect { self.connect_if_allowed(from, to) } else { self.link(from, to).1 };
        if is_up {
            self.wires[from][to].push_back(packet);
        }
        is_up
    }

    fn connect_if_allowed(&mut self, from: usize, to: usize) -> bool {
        if !self.link(from, to).1 && self.connects {
            self.connect(from, to);
        }
        self.link(from, to).1
    }

    fn connect(&mut self, a: usize, b: usize) {
        let (epoch, _) = self.link(a, b);
        self.links.insert((a.min(b), a.max(b)), (epoch + 1, true));
        self.wires[a][b].push_back(Packet::Up);
        self.wires[b][a].push_back(Packet::Up);
    }

    fn cut(&mut self, a: usize, b: usize, there: usize, back: usize) {
        let (epoch, _) = self.link(a, b);
        self.links.insert((a.min(b), a.max(b)), (epoch, false));
        for (from, to, keep) in [(a, b, there), (b, a, back)] {
            let wire = &mut self.wires[from][to];
            let is_mark = |packet: &Packet| matches!(packet, Packet::Up | Packet::Down(_));
            let first = wire.iter().rposition(is_mark).map_or(0, |place| place + 1);
            wire.truncate(first.saturating_add(keep));
            wire.push_back(Packet::Down(epoch));
        }
    }

    /// Whether a name server of ours may wonder whether a node knows it as it knows that. Of two, none does from others.
    fn doubts(&self, doubt: Action) -> bool {
        let Action::Doubt(at, to) = doubt else { return false };
        let is_asking = |packet: &Packet| matches!(packet, Packet::AskKnown(_) | Packet::Knows(_));
        let (ours, theirs) = (&self.hosts[at], &self.hosts[to]);
        let is_at_odds = match &ours.server {
            Server::Ours(state) => state.is_at_odds(theirs.name, theirs.server.known().contains(&ours.name)),
            Server::Otp(_) => false,
        };
        let wires = [&self.wires[at][to], &self.wires[to][at]];
        let is_asked = wires.into_iter().flatten().any(is_asking);
        self.hosts.len() > 2 && is_at_odds && self.link(at, to).1 && !is_asked
    }

    /// The number of the connection of two hosts, and whether it is up.
    fn link(&self, a: usize, b: usize) -> (u32, bool) {
        self.links.get(&(a.min(b), a.max(b))).copied().unwrap_or_default()
    }

    fn place(&self, node: NodeName) -> usize {
        self.hosts.iter().position(|host| host.name == node).expect("a host of this world")
    }
}
