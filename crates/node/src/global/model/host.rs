//! One host of the model: its name server, locker and registrar, and what these wait for.

use super::otp::Otp;
use super::registrar::Registrar;
use super::{Action, Budget, Kind, NAME};
use crate::global::GlobalLimits;
use crate::global::locker::LockerMsg;
use crate::global::locking::Locking;
use crate::global::state::{Birth, Effect, State};
use crate::global::tables::GLOBAL;
use crate::global::wire::Op;
use engset_term::{Instant, NodeName, Pid, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The pids of a host: of the name server, the locker, the registrar; then those that may have a name.
const SERVER: u32 = 1;
const LOCKER: u32 = 2;
pub(super) const REGISTRAR: u32 = 3;

/// Who asks other name servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Locker = 0,
    Registrar = 1,
}

/// What the name server is told by the locker or registrar of its own node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Own {
    LockIsSet { node: NodeName, tag: i64, his_tag: Term, requester: Term },
    Ask(Term),
}

/// Nodes that were asked and have not answered, with the number of the connection, and answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Asking {
    pub(super) left: BTreeMap<NodeName, u32>,
    pub(super) answers: BTreeMap<NodeName, Term>,
}

/// With which node, for which beginnings, and what is to be changed here and there.
pub(super) type Compared = (NodeName, (i64, Option<Term>), Vec<Op>, Vec<Op>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub(super) name: NodeName,
    pub(super) server: Server,
    pub(super) locker: Locking,
    pub(super) registrar: Registrar,
    /// By [`Who`].
    pub(super) asking: [Option<Asking>; 2],
    pub(super) own: [VecDeque<Own>; 2],
    pub(super) compared: VecDeque<Compared>,
    pub(super) joined: VecDeque<NodeName>,
    pub(super) ended: VecDeque<Pid>,
    /// Whom the name server watches, over which connection.
    pub(super) watches: BTreeMap<Pid, u32>,
    /// By whom the processes of this host are watched, over which connection.
    pub(super) watchers: BTreeSet<(Pid, usize, u32)>,
    pub(super) alive: BTreeSet<Pid>,
    pub(super) is_synced: bool,
    /// By [`Who`]: over which connection each host was asked last for the lock.
    pub(super) links_of_lock: [BTreeMap<usize, u32>; 2],
    last_pid: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Server {
    Ours(State),
    Otp(Otp),
}

impl Host {
    pub(super) fn new(place: usize, kind: Kind) -> Self {
        let name = ["a@model", "b@model", "c@model"][place];
        let name = NodeName::new(name).expect("a name");
        let pid = |number| Pid::new(name, 1, number, 0);
        let server = match kind {
            Kind::Otp => Server::Otp(Otp::new(pid(SERVER), pid(LOCKER))),
            Kind::Ours => Server::Ours(State::new(Birth {
                me: pid(SERVER),
                locker: pid(LOCKER),
                limits: GlobalLimits::default(),
                is_visible: true,
                prevents_overlap: true,
                incarnation: 1,
            })),
        };
        Self {
            name,
            server,
            locker: Locking::new(pid(LOCKER)),
            registrar: Registrar::default(),
            asking: [None, None],
            own: [VecDeque::new(), VecDeque::new()],
            compared: VecDeque::new(),
            joined: VecDeque::new(),
            ended: VecDeque::new(),
            watches: BTreeMap::new(),
            watchers: BTreeSet::new(),
            alive: BTreeSet::new(),
            is_synced: true,
            links_of_lock: [BTreeMap::new(), BTreeMap::new()],
            last_pid: REGISTRAR,
        }
    }

    pub(super) fn pid_of(&self, who: Who) -> Pid {
        let number = match who {
            Who::Locker => LOCKER,
            Who::Registrar => REGISTRAR,
        };
        Pid::new(self.name, 1, number, 0)
    }

    pub(super) fn actions(&self, at: usize, budget: &Budget, actions: &mut Vec<Action>) {
        let own = [Who::Locker, Who::Registrar].into_iter().filter(|who| !self.own[*who as usize].is_empty());
        actions.extend(own.map(|who| Action::Own(at, who)));
        let queues = [
            (!self.compared.is_empty(), Action::Compared(at)),
            (!self.joined.is_empty(), Action::Joined(at)),
            (!self.ended.is_empty(), Action::Ended(at)),
            (self.locker.clone().poll_patience().is_some() && self.server.lock().is_none(), Action::Turn(at)),
            (self.registrar.is_wanting(), Action::Try(at)),
            (budget.registers > 0 && self.registrar.is_idle(), Action::Register(at)),
            (
                budget.unregisters > 0 && self.registrar.is_idle() && self.server.holder().is_some(),
                Action::Unregister(at),
            ),
            (budget.deaths > 0 && !self.alive.is_empty(), Action::Die(at)),
            (budget.syncs > 0 && self.is_synced, Action::Sync(at)),
        ];
        actions.extend(queues.into_iter().filter(|(may_be, _)| *may_be).map(|(_, action)| action));
    }

    pub(super) fn begin_to_register(&mut self) {
        self.last_pid += 1;
        let pid = Pid::new(self.name, 1, self.last_pid, 0);
        self.alive.insert(pid);
        self.registrar.want(Some(pid));
    }

    pub(super) fn turn(&mut self) {
        // As the shell asks before it looks at its mailbox.
        let _patience = self.locker.poll_patience();
        let lock = self.server.lock().cloned();
        let can_lock = |requester: &Term| lock.as_ref().is_none_or(|of| of == requester);
        self.locker.handle_timeout(lock.is_some(), &can_lock, |_| 0);
    }

    pub(super) fn tell_locker(&mut self, message: LockerMsg) {
        let lock = self.server.lock().cloned();
        self.locker.handle_message(message, &|requester| lock.as_ref().is_none_or(|of| of == requester));
    }

    /// A peer's locker speaks for itself.
    pub(super) fn lock_set_by_itself(&mut self, term: &Term) {
        if let Some(message) = crate::global::locker::lock_set(term) {
            self.tell_locker(message);
        }
    }

    pub(super) fn locker_answered(&mut self, answers: &[(NodeName, Term)]) {
        let lock = self.server.lock().cloned();
        self.locker.handle_answers(answers, &|requester| lock.as_ref().is_none_or(|of| of == requester));
    }

    /// Whether that was the last one.
    pub(super) fn take_answer(&mut self, who: Who, from: NodeName, answer: Term) -> bool {
        let Some(asking) = &mut self.asking[who as usize] else { return false };
        if asking.left.remove(&from).is_none() {
            return false;
        }
        asking.answers.insert(from, answer);
        asking.left.is_empty()
    }

    /// Whether that was the last one.
    pub(super) fn lose_answer(&mut self, who: Who, from: NodeName, epoch: u32) -> bool {
        let Some(asking) = &mut self.asking[who as usize] else { return false };
        if asking.left.get(&from) != Some(&epoch) {
            return false;
        }
        asking.left.remove(&from);
        asking.left.is_empty()
    }

    pub(super) fn node_up(&mut self, node: NodeName) {
        self.server.node_up(node);
        // Theirs gives nothing back again.
        if !self.is_erlang() {
            self.tell_locker(LockerMsg::NodeUp(node));
        }
    }

    pub(super) fn node_down(&mut self, place: usize, node: NodeName, epoch: u32) {
        self.watchers.retain(|(_, by, over)| *by != place || *over > epoch);
        let is_lost = |(pid, over): &(&Pid, &u32)| pid.node() == node && **over <= epoch;
        let lost: Vec<Pid> = self.watches.iter().filter(is_lost).map(|(pid, _)| *pid).collect();
        lost.into_iter().for_each(|pid| self.has_ended(pid));
        self.server.node_down(node);
    }

    pub(super) fn has_ended(&mut self, pid: Pid) {
        if self.watches.remove(&pid).is_some() {
            self.server.ended(pid);
        }
    }

    pub(super) const fn is_erlang(&self) -> bool {
        matches!(self.server, Server::Otp(_))
    }

    /// Whether nobody waits on this host, and it holds no lock.
    pub(super) fn holds_nothing(&self) -> bool {
        let queues = self.compared.is_empty() && self.joined.is_empty() && self.ended.is_empty();
        let asks_nobody = self.own.iter().all(VecDeque::is_empty) && self.asking.iter().all(Option::is_none);
        queues && asks_nobody && self.registrar.is_idle() && self.server.lock().is_none()
    }

    /// Whether nothing is under way on this host.
    pub(super) fn is_quiet(&self) -> bool {
        self.holds_nothing() && self.locker.is_quiet() && !self.server.is_agreeing()
    }
}

impl Server {
    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        match self {
            Self::Ours(state) => state.poll_effect(),
            Self::Otp(otp) => otp.poll_effect(),
        }
    }

    pub(super) fn node_up(&mut self, node: NodeName) {
        match self {
            Self::Ours(state) => state.handle_node_up(node),
            Self::Otp(otp) => otp.node_up(node),
        }
    }

    pub(super) fn node_down(&mut self, node: NodeName) {
        match self {
            Self::Ours(state) => state.handle_node_down(node),
            Self::Otp(otp) => otp.node_down(node),
        }
    }

    pub(super) fn joined(&mut self, node: NodeName, is_connected: bool) {
        match self {
            Self::Ours(state) => state.handle_joined(node, is_connected),
            Self::Otp(otp) => otp.joined(node, is_connected),
        }
    }

    /// What ours would count as not understood is nothing that any of both may say.
    pub(super) fn handle_cast(&mut self, sender: NodeName, cast: &Term) {
        match self {
            Self::Ours(state) => assert_eq!(state.handle_cast(sender, cast), Ok(()), "{cast} of {sender}"),
            Self::Otp(otp) => otp.handle_cast(sender, cast),
        }
    }

    pub(super) fn handle_plain(&mut self, sender: NodeName, message: &Term) {
        match self {
            Self::Ours(state) => {
                assert_eq!(
                    state.handle_plain(Instant::ZERO, sender, message),
                    Ok(()),
                    "{message} of {sender}"
                );
            }
            Self::Otp(otp) => otp.handle_plain(sender, message),
        }
    }

    pub(super) fn request(&mut self, from: Pid, request: &Term) -> Option<Term> {
        match self {
            // No time passes: a lock is kept for nobody, which were but another refusal.
            Self::Ours(state) => state.handle_request(Instant::ZERO, from, request),
            Self::Otp(otp) => otp.request(from, request),
        }
    }

    pub(super) fn lock_is_set(&mut self, node: NodeName, tag: i64, his_tag: &Term, requester: Term) {
        match self {
            Self::Ours(state) => state.handle_lock_is_set(node, (tag, his_tag), requester),
            Self::Otp(otp) => otp.lock_is_set(node, tag, requester),
        }
    }

    pub(super) fn compared(
        &mut self,
        node: NodeName,
        (tag, his_tag): (i64, Option<Term>),
        here: Vec<Op>,
        there: &[Op],
    ) {
        match self {
            Self::Ours(state) => state.handle_compared(node, (tag, his_tag.as_ref()), here, there),
            Self::Otp(otp) => otp.compared(node, tag, here, there),
        }
    }

    pub(super) fn ended(&mut self, pid: Pid) {
        match self {
            Self::Ours(state) => state.handle_ended(pid),
            Self::Otp(otp) => otp.ended(pid),
        }
    }

    pub(super) fn sync(&mut self) {
        match self {
            Self::Ours(state) => assert!(state.handle_sync(0, state.up().into_iter().collect())),
            Self::Otp(otp) => otp.sync(),
        }
    }

    pub(super) fn known(&self) -> Vec<NodeName> {
        match self {
            Self::Ours(state) => state.known(),
            Self::Otp(otp) => otp.known(),
        }
    }

    pub(super) fn names(&self) -> BTreeMap<Term, Pid> {
        match self {
            Self::Ours(state) => {
                state.tables.entries().into_iter().map(|entry| (entry.name, entry.pid)).collect()
            }
            Self::Otp(otp) => otp.names(),
        }
    }

    /// Who has the one name that there is.
    pub(super) fn holder(&self) -> Option<Pid> {
        self.names().get(&NAME).copied()
    }

    /// Who has the lock that names are changed under.
    pub(super) fn lock(&self) -> Option<&Term> {
        match self {
            Self::Ours(state) => state.tables.requester(&GLOBAL),
            Self::Otp(otp) => otp.lock(),
        }
    }

    pub(super) fn is_agreeing(&self) -> bool {
        match self {
            Self::Ours(state) => state.is_agreeing(),
            Self::Otp(otp) => otp.is_agreeing(),
        }
    }

    /// How often something was begun.
    pub(super) fn last_number(&self) -> i64 {
        match self {
            Self::Ours(state) => state.last_number(),
            Self::Otp(otp) => otp.last_number(),
        }
    }

    pub(super) const fn crashed(&self) -> Option<&'static str> {
        match self {
            Self::Ours(_) => None,
            Self::Otp(otp) => otp.crashed,
        }
    }
}
