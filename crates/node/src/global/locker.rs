//! The locker: sets the lock `global` on all nodes concerned, together with a peer's locker, before names are exchanged.
//!
//! Messages: the name server tells of peers that wait ([`LockerMsg::Him`]), of the peer's lock, and when the lock is to
//! be released ([`LockerMsg::Cancel`]); the locker tells it when the lock is set. Both lockers of a pair ask for the
//! lock under one requester, the two of them in order, first at the greatest node (the boss), so that of several pairs
//! one wins. Races: who cannot have all locks at once gives back those that it has, and tries again later.

use super::calls::ask;
use super::locking::{LockerEffect, Locking};
use super::server::{GlobalMsg, cast};
use super::tables::GLOBAL;
use super::{Shared, wire};
use engset_process::{Addr, Cx, Dest, Encoded, Mail, Processes, Protocol, Rejected};
use engset_term::{NodeName, Pid, Term};
use std::sync::Arc;
use std::time::Duration;

/// A peer with which names are to be exchanged.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(Eq, Hash))]
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
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
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
    /// This node is connected: what it did not answer is said again.
    NodeUp(NodeName),
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

/// The locker's process.
pub(super) struct Locker {
    cx: Cx<LockerMsg>,
    server: Addr<GlobalMsg>,
    shared: Arc<Shared>,
    locking: Locking,
    draw: fastrand::Rng,
}

impl Locker {
    pub(super) fn new(cx: Cx<LockerMsg>, server: Addr<GlobalMsg>, shared: Arc<Shared>) -> Self {
        let locking = Locking::new(cx.pid());
        let draw = fastrand::Rng::with_seed(shared.seed ^ 1);
        Self { cx, server, shared, locking, draw }
    }

    pub(super) async fn run(mut self) {
        loop {
            while let Some(effect) = self.locking.poll_effect() {
                self.perform(effect).await;
            }
            let mail = match self.locking.poll_patience() {
                None => Some(self.cx.recv().await),
                Some(patience) => self.cx.recv_timeout(patience).await,
            };
            let can_lock = |requester: &Term| self.shared.can_lock(&GLOBAL, requester);
            match mail {
                Some(mail) => {
                    if let Some(message) = message(mail) {
                        self.locking.handle_message(message, &can_lock);
                    }
                }
                None => {
                    let draw = &mut self.draw;
                    let is_locked = self.shared.is_locked(&GLOBAL);
                    self.locking.handle_timeout(is_locked, &can_lock, |bound| draw.usize(..bound));
                }
            }
        }
    }

    async fn perform(&mut self, effect: LockerEffect) {
        match effect {
            LockerEffect::Ask { word, requester, nodes } => {
                let answers =
                    ask(self.cx.pid(), &nodes, &wire::lock_request(word, &GLOBAL, &requester)).await;
                let can_lock = |requester: &Term| self.shared.can_lock(&GLOBAL, requester);
                // What has been told meanwhile counts already.
                while let Some(mail) = self.cx.recv_timeout(Duration::ZERO).await {
                    if let Some(message) = message(mail) {
                        self.locking.handle_message(message, &can_lock);
                    }
                }
                self.locking.handle_answers(&answers, &can_lock);
            }
            LockerEffect::Cast(node, term) => cast(self.cx.processes(), self.cx.pid(), node, &term),
            LockerEffect::Send(to, message) => {
                let body = engset_etf::Body::of(&message);
                self.cx.processes().send_encoded_noconnect(self.cx.pid(), &Dest::Pid(to), body);
            }
            LockerEffect::Forgotten => self.cx.processes().count_dropped(),
            LockerEffect::Want(requester) => {
                self.shared.want_lock(&GLOBAL, &requester);
            }
            LockerEffect::LockIsSet { node, tag, his_tag, requester } => {
                // The server ends together with this process.
                drop(self.cx.send(self.server, GlobalMsg::LockIsSet { node, tag, his_tag, requester }));
            }
        }
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
pub(super) fn lock_set(term: &Term) -> Option<LockerMsg> {
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
