//! The registrars of the model: ours and OTP's, which differ in what they do about nodes that come and go meanwhile.

use super::host::{Server, Who};
use super::{NAME, World};
use crate::global::owed::Owed;
use crate::global::tables::{Entry, GLOBAL};
use crate::global::wire;
use engset_term::{NodeName, Pid, Term};
use std::collections::VecDeque;

/// A registrar: what it is to do, and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Registrar {
    /// The process to get the name; none where the name is to be free.
    pid: Option<Pid>,
    step: Step,
    known: Vec<NodeName>,
    /// Where it sets the lock.
    nodes: Vec<NodeName>,
    asked: Vec<NodeName>,
    owed: Owed,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
enum Step {
    #[default]
    Idle,
    Wanting,
    Boss,
    All,
    Telling,
    /// The lock is given back at these, one group after the other; then it is done, or tries again.
    Freeing(VecDeque<Vec<NodeName>>, bool),
}

impl Registrar {
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.step, Step::Idle)
    }

    pub(super) const fn is_wanting(&self) -> bool {
        matches!(self.step, Step::Wanting)
    }

    pub(super) fn want(&mut self, pid: Option<Pid>) {
        (self.pid, self.step) = (pid, Step::Wanting);
    }

    /// Takes a node where the lock is to be given back once more, while it is not set.
    fn take_owed(&mut self, is_up: impl Fn(NodeName) -> bool) -> Option<NodeName> {
        let may_pay = self.is_idle() || self.is_wanting();
        may_pay.then(|| self.owed.take(is_up)).flatten().map(|(node, _)| node)
    }

    /// Where it has the lock, while it changes names.
    pub(super) fn held(&self) -> Option<&[NodeName]> {
        matches!(self.step, Step::Telling).then_some(self.nodes.as_slice())
    }
}

impl World {
    /// Gives the lock back where that was not answered, and the node is connected again.
    pub(super) fn pay(&mut self, at: usize) -> bool {
        let links: Vec<NodeName> = (0..self.hosts.len())
            .filter(|other| *other != at && self.link(at, *other).1)
            .map(|other| self.hosts[other].name)
            .collect();
        let again = self.hosts[at].registrar.is_wanting();
        let Some(node) = self.hosts[at].registrar.take_owed(|node| links.contains(&node)) else {
            return false;
        };
        self.free(at, VecDeque::from([vec![node]]), again);
        true
    }

    pub(super) fn try_registrar(&mut self, at: usize) {
        if self.pay(at) {
            return;
        }
        let host = &mut self.hosts[at];
        if host.registrar.pid.is_none() && host.server.holder().is_none() {
            host.registrar.step = Step::Idle;
            return;
        }
        host.registrar.known = host.server.known();
        host.registrar.nodes = host.registrar.known.iter().copied().chain([host.name]).collect();
        host.registrar.step = Step::Boss;
        let boss = boss(&host.registrar.nodes);
        self.registrar_asks(at, "set_lock", &[boss]);
    }

    pub(super) fn registrar_answered(&mut self, at: usize, answers: &[(NodeName, Term)]) {
        let is_set = answers.iter().all(|(_, answer)| answer.is_atom("true"));
        self.note_owed(at, answers);
        let me = Term::Pid(self.hosts[at].pid_of(Who::Registrar));
        let nodes = self.hosts[at].registrar.nodes.clone();
        match std::mem::take(&mut self.hosts[at].registrar.step) {
            Step::Boss if !is_set => self.hosts[at].registrar.step = Step::Wanting,
            Step::Boss if nodes.len() > 1 && self.hosts[at].server.lock().is_some_and(|of| *of != me) => {
                self.free(at, VecDeque::from([vec![boss(&nodes)]]), true);
            }
            Step::Boss => {
                self.hosts[at].registrar.step = Step::All;
                self.registrar_asks(at, "set_lock", &nodes);
            }
            Step::All if !is_set => {
                let answer =
                    |node: &NodeName| answers.iter().find(|(of, _)| of == node).map(|(_, answer)| answer);
                // Ours gives the lock back also where there was no answer.
                let is_ours = matches!(self.hosts[at].server, Server::Ours(_));
                let is_set = |node: &NodeName| answer(node).map_or(is_ours, |answer| answer.is_atom("true"));
                let set = nodes.iter().copied().filter(is_set).collect();
                self.free(at, VecDeque::from([set, vec![boss(&nodes)]]), true);
            }
            Step::All => self.locked(at, &nodes),
            Step::Telling => self.free_all(at, &nodes, false),
            Step::Freeing(groups, again) => self.free(at, groups, again),
            step @ (Step::Idle | Step::Wanting) => self.hosts[at].registrar.step = step,
        }
    }

    fn locked(&mut self, at: usize, nodes: &[NodeName]) {
        let now = self.hosts[at].server.known();
        let known = &self.hosts[at].registrar.known;
        match self.hosts[at].server {
            Server::Ours(_) if now != *known => return self.free_all(at, nodes, true),
            // What is locked at others stays so: the next try is under the same requester.
            Server::Otp(_) if now.iter().any(|node| !known.contains(node)) => {
                return self.free(at, VecDeque::from([vec![boss(nodes)]]), true);
            }
            Server::Ours(_) | Server::Otp(_) => {}
        }
        let host = &mut self.hosts[at];
        let request = match host.registrar.pid {
            None => wire::unregister_request(&NAME),
            Some(pid) if host.server.holder().is_none_or(|holder| host.is_gone(holder)) => {
                wire::register_request(&Entry { name: NAME, pid, method: Term::Nil })
            }
            Some(_) => return self.free_all(at, nodes, false),
        };
        host.registrar.step = Step::Telling;
        self.ask(at, Who::Registrar, nodes, &request);
    }

    fn free_all(&mut self, at: usize, nodes: &[NodeName], again: bool) {
        let boss = boss(nodes);
        let others = nodes.iter().copied().filter(|node| *node != boss).collect();
        self.free(at, VecDeque::from([others, vec![boss]]), again);
    }

    fn free(&mut self, at: usize, mut groups: VecDeque<Vec<NodeName>>, again: bool) {
        match groups.pop_front() {
            Some(nodes) => {
                self.hosts[at].registrar.step = Step::Freeing(groups, again);
                self.registrar_asks(at, "del_lock", &nodes);
            }
            None if again => self.hosts[at].registrar.step = Step::Wanting,
            None => {
                let owed = std::mem::take(&mut self.hosts[at].registrar.owed);
                self.hosts[at].registrar = Registrar { owed, ..Registrar::default() };
                self.pay(at);
            }
        }
    }

    /// Of those that were asked to free the lock and did not answer it is remembered; a registrar of Erlang does not care.
    fn note_owed(&mut self, at: usize, answers: &[(NodeName, Term)]) {
        let host = &mut self.hosts[at];
        let me = Term::Pid(host.pid_of(Who::Registrar));
        if matches!(host.server, Server::Ours(_)) && matches!(host.registrar.step, Step::Freeing(..)) {
            for node in std::mem::take(&mut host.registrar.asked) {
                if !answers.iter().any(|(of, _)| *of == node) {
                    host.registrar.owed.add(node, &me);
                }
            }
        }
    }

    fn registrar_asks(&mut self, at: usize, word: &'static str, nodes: &[NodeName]) {
        let requester = Term::Pid(self.hosts[at].pid_of(Who::Registrar));
        let request = wire::lock_request(word, &GLOBAL, &requester);
        self.hosts[at].registrar.asked = nodes.to_vec();
        self.ask(at, Who::Registrar, nodes, &request);
    }
}

impl super::host::Host {
    /// Whether a process of this host has ended, though its name is not free yet.
    fn is_gone(&self, pid: Pid) -> bool {
        pid.node() == self.name && !self.alive.contains(&pid)
    }
}

fn boss(nodes: &[NodeName]) -> NodeName {
    nodes.iter().copied().max().expect("a registrar locks its own node at least")
}
