//! The locker: sets the lock `global` on all nodes concerned, together with a peer's locker, before names are exchanged.
//!
//! Messages: the name server tells of peers that wait ([`LockerMsg::Him`]), of the peer's lock, and when the lock is to
//! be released ([`LockerMsg::Cancel`]); the locker tells it when the lock is set. Both lockers of a pair ask for the
//! lock under one requester, the two of them in order, first at the greatest node (the boss), so that of several pairs
//! one wins. Races: who cannot have all locks at once gives back those that it has, and tries again later.

use super::calls::{del_lock, release, set_lock};
use super::server::{GlobalMsg, cast};
use super::tables::GLOBAL;
use super::{Shared, wire};
use engset_process::{Addr, Cx, Dest, Encoded, Mail, Processes, Protocol, Rejected};
use engset_term::{NodeName, Pid, Term};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A peer with which names are to be exchanged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Him {
    pub(super) node: NodeName,
    pub(super) locker: Pid,
    pub(super) version: i64,
    /// This side's tag of the agreement.
    pub(super) tag: i64,
    pub(super) his_tag: Term,
}

/// What the locker is told by its name server.
#[derive(Debug)]
pub(super) enum LockerMsg {
    /// A peer waits.
    Him(Him),
    /// The peer is not waited for any more; a lock that is set with it is to be released, after these casts.
    Cancel { node: NodeName, tag: i64, casts: Vec<(NodeName, Term)> },
    /// A peer's locker has set the lock, or could not.
    LockSet { locker: Pid, set: bool, tag: Option<i64> },
    /// These nodes agree on names now.
    AddKnown(Vec<NodeName>),
    /// This node does not any more.
    RemoveKnown(NodeName),
}

impl Protocol for LockerMsg {
    /// A locker of another node says what became of its own lock, and nothing of others'.
    fn decode(encoded: Encoded, _at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let term = encoded.term()?;
        let is_sender = |locker: Pid| encoded.from.is_some_and(|sender| sender.node() == locker.node());
        match lock_set(&term) {
            Some(Self::LockSet { locker, .. }) if !is_sender(locker) => {
                Err(Rejected::NotUnderstood("a message in the name of another node's locker".into()))
            }
            _ => Ok(Mail::Other(Box::new(term))),
        }
    }
}

/// Pure: who waits, and who is asked for locks.
#[derive(Debug)]
pub(super) struct Waiting {
    me: NodeName,
    him: Vec<Him>,
    known: BTreeSet<NodeName>,
    /// Somebody waited who does not any more: the next can have its turn at once.
    has_just_synced: bool,
}

impl Waiting {
    pub(super) fn new(me: NodeName) -> Self {
        Self { me, him: Vec::new(), known: BTreeSet::new(), has_just_synced: false }
    }

    /// How long to wait for news before the next turn; none where nobody waits.
    pub(super) fn patience(&mut self) -> Option<Duration> {
        let has_just_synced = std::mem::take(&mut self.has_just_synced);
        if self.him.is_empty() {
            None
        } else if has_just_synced {
            Some(Duration::ZERO)
        } else if self.known.is_empty() {
            Some(Duration::from_millis(200))
        } else {
            let known = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
            Some(Duration::from_millis(known.saturating_mul(100).saturating_add(1_000).min(3_000)))
        }
    }

    /// Whose turn it is: nodes of this host first. Those that are known already have had theirs.
    pub(super) fn select(&mut self, draw: impl FnOnce(usize) -> usize) -> Option<Him> {
        let known = &self.known;
        self.him.retain(|him| !known.contains(&him.node));
        let host = self.me.host_part();
        let is_near = |him: &&Him| him.node.host_part() == host;
        let near: Vec<&Him> = self.him.iter().filter(is_near).collect();
        let all: Vec<&Him> = if near.is_empty() { self.him.iter().collect() } else { near };
        if all.is_empty() { None } else { all.get(draw(all.len())).map(|him| (*him).clone()) }
    }

    /// The peer of a lock that was set elsewhere.
    pub(super) fn find(&self, node: NodeName, tag: Option<i64>) -> Option<Him> {
        let fits = |him: &&Him| him.node == node && tag.is_none_or(|tag| him.tag == tag);
        self.him.iter().find(fits).cloned()
    }

    pub(super) fn add(&mut self, him: Him) {
        self.him.push(him);
    }

    pub(super) fn remove(&mut self, node: NodeName, tag: i64) {
        self.him.retain(|him| (him.node, him.tag) != (node, tag));
    }

    pub(super) fn synced(&mut self, him: &Him) {
        self.remove(him.node, him.tag);
        self.has_just_synced = true;
    }

    pub(super) fn add_known(&mut self, nodes: Vec<NodeName>) {
        self.known.extend(nodes);
    }

    pub(super) fn remove_known(&mut self, node: NodeName) {
        self.known.remove(&node);
    }

    pub(super) fn known(&self) -> Vec<NodeName> {
        self.known.iter().copied().collect()
    }

    /// At which node the lock is set before it is at any other: the greatest.
    pub(super) fn boss(&self) -> NodeName {
        self.known.iter().copied().fold(self.me, NodeName::max)
    }
}

/// The locker's process.
pub(super) struct Locker {
    cx: Cx<LockerMsg>,
    server: Addr<GlobalMsg>,
    shared: Arc<Shared>,
    waiting: Waiting,
    draw: fastrand::Rng,
}

impl Locker {
    pub(super) fn new(cx: Cx<LockerMsg>, server: Addr<GlobalMsg>, shared: Arc<Shared>) -> Self {
        let waiting = Waiting::new(cx.node());
        let draw = fastrand::Rng::with_seed(shared.seed ^ 1);
        Self { cx, server, shared, waiting, draw }
    }

    pub(super) async fn run(mut self) {
        loop {
            let mail = match self.waiting.patience() {
                None => Some(self.cx.recv().await),
                Some(patience) => self.cx.recv_timeout(patience).await,
            };
            match mail.map(message) {
                Some(Some(message)) => self.serve(message).await,
                Some(None) => {}
                None if self.shared.is_locked(&GLOBAL) => {}
                None => self.turn().await,
            }
        }
    }

    async fn serve(&mut self, message: LockerMsg) {
        match message {
            LockerMsg::Him(him) => self.waiting.add(him),
            LockerMsg::Cancel { node, tag, .. } => self.waiting.remove(node, tag),
            LockerMsg::AddKnown(nodes) => self.waiting.add_known(nodes),
            LockerMsg::RemoveKnown(node) => self.waiting.remove_known(node),
            LockerMsg::LockSet { set: false, .. } => {}
            LockerMsg::LockSet { locker, set: true, tag } => self.follow(locker, tag).await,
        }
    }

    /// A peer's locker has set the lock: it is set from here, too.
    async fn follow(&mut self, locker: Pid, tag: Option<i64>) {
        let Some(him) = self.waiting.find(locker.node(), tag) else {
            let lock_set = [Term::atom("lock_set"), Term::Pid(self.cx.pid()), Term::from(false), Term::Nil];
            self.send(locker, &Term::tuple(lock_set));
            return;
        };
        let requester = self.requester(locker);
        let nodes = self.lock(&requester, None).await;
        self.tell_lock_set(&him, nodes.is_some());
        if let Some(nodes) = nodes {
            self.tell_server(&him, &requester);
            self.wait_for_release(&him, &requester, nodes).await;
            self.waiting.synced(&him);
        }
    }

    /// Chooses a peer, sets the lock, and waits for the peer to set it.
    async fn turn(&mut self) {
        let draw = &mut self.draw;
        let Some(him) = self.waiting.select(|bound| draw.usize(..bound)) else { return };
        let requester = self.requester(him.locker);
        let Some(nodes) = self.lock(&requester, Some(him.node)).await else { return };
        self.tell_lock_set(&him, true);
        let answer = self.cx.receive(|mail| his_answer(mail, &him)).await;
        match answer {
            Answer::Set => {
                self.tell_server(&him, &requester);
                self.wait_for_release(&him, &requester, nodes).await;
                self.waiting.synced(&him);
            }
            Answer::NotSet => release(self.cx.pid(), &GLOBAL, &requester, &nodes).await,
            Answer::Cancelled(casts) => {
                self.make(casts);
                release(self.cx.pid(), &GLOBAL, &requester, &nodes).await;
                self.waiting.remove(him.node, him.tag);
            }
        }
    }

    /// Sets the lock at the boss, then here and at `other`, then at all others: where it was set, and has to be released,
    /// also where a node is not known any more by then. Where that fails, it is set at none.
    async fn lock(&mut self, requester: &Term, other: Option<NodeName>) -> Option<Vec<NodeName>> {
        let (me, pid) = (self.cx.node(), self.cx.pid());
        let boss = self.waiting.boss();
        if boss != me && !self.shared.can_lock(&GLOBAL, requester) {
            return None;
        }
        if !set_lock(pid, &GLOBAL, requester, &[boss], &self.shared).await {
            return None;
        }
        self.take_news().await;
        let second: Vec<NodeName> =
            [Some(me), other].into_iter().flatten().filter(|node| *node != boss).collect();
        if !set_lock(pid, &GLOBAL, requester, &second, &self.shared).await {
            del_lock(pid, &GLOBAL, requester, &[boss]).await;
            return None;
        }
        let mut so_far: Vec<NodeName> = second.into_iter().chain([boss]).collect();
        let mut others = self.waiting.known();
        others.retain(|node| !so_far.contains(node));
        if !set_lock(pid, &GLOBAL, requester, &others, &self.shared).await {
            del_lock(pid, &GLOBAL, requester, &so_far).await;
            return None;
        }
        so_far.extend(others);
        Some(so_far)
    }

    /// Takes what has been told of known nodes meanwhile.
    async fn take_news(&mut self) {
        let news = |mail| match mail {
            Mail::Message(news @ (LockerMsg::AddKnown(_) | LockerMsg::RemoveKnown(_))) => Ok(news),
            mail => Err(mail),
        };
        while let Some(news) = self.cx.receive_timeout(Duration::ZERO, news).await {
            match news {
                LockerMsg::AddKnown(nodes) => self.waiting.add_known(nodes),
                LockerMsg::RemoveKnown(node) => self.waiting.remove_known(node),
                LockerMsg::Him(_) | LockerMsg::Cancel { .. } | LockerMsg::LockSet { .. } => {}
            }
        }
    }

    async fn wait_for_release(&mut self, him: &Him, requester: &Term, nodes: Vec<NodeName>) {
        let is_its = |mail| match mail {
            Mail::Message(LockerMsg::Cancel { node, tag, casts }) if (node, tag) == (him.node, him.tag) => {
                Ok(casts)
            }
            mail => Err(mail),
        };
        let casts = self.cx.receive(is_its).await;
        self.make(casts);
        release(self.cx.pid(), &GLOBAL, requester, &nodes).await;
    }

    fn requester(&self, his: Pid) -> Term {
        let mut both = [Term::Pid(self.cx.pid()), Term::Pid(his)];
        both.sort();
        Term::list(both)
    }

    fn make(&self, casts: Vec<(NodeName, Term)>) {
        for (node, term) in casts {
            cast(self.cx.processes(), self.cx.pid(), node, &term);
        }
    }

    fn tell_lock_set(&self, him: &Him, is_set: bool) {
        let known = Term::list(self.waiting.known().into_iter().map(wire::node_term));
        let mut words = vec![Term::atom("lock_set"), Term::Pid(self.cx.pid()), Term::from(is_set), known];
        if him.version >= 8 {
            words.push(him.his_tag.clone());
        }
        let message = Term::tuple(words);
        if him.version < 6 {
            self.send(him.locker, &message);
        } else {
            cast(self.cx.processes(), self.cx.pid(), him.node, &message);
        }
    }

    fn tell_server(&self, him: &Him, requester: &Term) {
        let set = GlobalMsg::LockIsSet {
            node: him.node,
            tag: him.tag,
            his_tag: him.his_tag.clone(),
            requester: requester.clone(),
        };
        // The server ends together with this process.
        drop(self.cx.send(self.server, set));
    }

    fn send(&self, to: Pid, message: &Term) {
        let body = engset_etf::Body::of(message);
        self.cx.processes().send_encoded_noconnect(self.cx.pid(), &Dest::Pid(to), body);
    }
}

/// What became of a lock at the peer's side.
enum Answer {
    Set,
    NotSet,
    Cancelled(Vec<(NodeName, Term)>),
}

fn his_answer(mail: Mail<LockerMsg>, him: &Him) -> Result<Answer, Mail<LockerMsg>> {
    let fits =
        |locker: Pid, tag: Option<i64>| locker.node() == him.node && tag.is_none_or(|tag| tag == him.tag);
    match mail {
        Mail::Message(LockerMsg::LockSet { locker, set, tag }) if fits(locker, tag) => {
            Ok(if set { Answer::Set } else { Answer::NotSet })
        }
        Mail::Message(LockerMsg::Cancel { node, tag, casts }) if (node, tag) == (him.node, him.tag) => {
            Ok(Answer::Cancelled(casts))
        }
        Mail::Other(term) => match lock_set(&term) {
            Some(LockerMsg::LockSet { locker, set: false, tag: None }) if fits(locker, None) => {
                Ok(Answer::NotSet)
            }
            _ => Err(Mail::Other(term)),
        },
        mail => Err(mail),
    }
}

/// What is told, by the name server or by a peer's locker itself.
fn message(mail: Mail<LockerMsg>) -> Option<LockerMsg> {
    match mail {
        Mail::Message(message) => Some(message),
        Mail::Other(term) => lock_set(&term),
        Mail::Down(_) | Mail::Exit(_) => None,
    }
}

/// The message that a peer's locker sends by itself, where it does not know which version is spoken.
fn lock_set(term: &Term) -> Option<LockerMsg> {
    match term.as_tuple()? {
        [word, locker, set, _known] if word.is_atom("lock_set") => {
            Some(LockerMsg::LockSet { locker: locker.as_pid()?, set: set.as_bool()?, tag: None })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_process::{Identity, Scheduler};

    #[test]
    fn nobody_says_that_the_lock_of_another_is_set() {
        let node = |name: &str| NodeName::new(name).expect("a name");
        let identity = Identity { node: node("a@g"), creation: 1, processes_max: 10, salt: 1 };
        let processes = Processes::new(identity, Scheduler::seeded(1));
        let (b, c) = (Pid::new(node("b@g"), 1, 1, 0), Pid::new(node("c@g"), 1, 1, 0));
        for (from, is_taken) in [(Some(b), true), (Some(c), false), (None, false)] {
            let words = [Term::atom("lock_set"), Term::Pid(b), Term::from(true), Term::Nil];
            let payload = engset_etf::Body::of(&Term::tuple(words)).into_bytes().into();
            let decoded = LockerMsg::decode(Encoded { from, payload }, &processes);
            let taken = decoded.ok().and_then(message);
            assert_eq!(matches!(taken, Some(LockerMsg::LockSet { set: true, .. })), is_taken, "{from:?}");
        }
    }
}
