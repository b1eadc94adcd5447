//! The registrar: changes names on all nodes, one request after the other, each under the lock `global`.
//!
//! It sets the lock at the boss, the greatest node, then at all nodes that agree on names, tells all of them the change,
//! and releases the lock. Races: a node that joins meanwhile might not hear of it, and one that was lost meanwhile may by now
//! be of another part, so the nodes are compared with those known after the lock was set; who cannot have all locks gives
//! them back, and tries again after a random while; a node that was lost before it answered that the lock is given back is
//! told again when it is connected again ([`Owed`]).

use super::calls::{ask, del_lock, release, set_lock};
use super::owed::Owed;
use super::server::GlobalMsg;
use super::tables::{Entry, GLOBAL};
use super::{GlobalError, Shared, wire};
use engset_otp::{Call, Reply};
use engset_process::{Addr, Cx, Mail, Protocol, set_deadline};
use engset_term::{NodeName, Term};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the registrar is asked.
pub(super) enum RegistrarMsg {
    /// Give a name to a process; `again` where another one may hold it.
    Register {
        entry: Entry,
        again: bool,
        reply: Reply<(), GlobalError>,
    },
    Unregister {
        name: Term,
        reply: Reply<(), GlobalError>,
    },
    /// A node is connected where a lock may still be set.
    NodeUp,
}

impl Protocol for RegistrarMsg {}

pub(super) async fn run(mut cx: Cx<RegistrarMsg>, server: Addr<GlobalMsg>, shared: Arc<Shared>) {
    let mut registrar =
        Registrar { server, draw: fastrand::Rng::with_seed(shared.seed ^ 2), shared, owed: Owed::default() };
    loop {
        registrar.pay_before_waiting(&cx).await;
        let Mail::Message(message) = cx.recv().await else { continue };
        match message {
            RegistrarMsg::Register { entry, again, reply } => {
                let Some(reply) = reply.begin() else { continue };
                // A lock that was begun is released, whether or not the caller still waits.
                set_deadline(None);
                let result = registrar.register(&cx, &entry, again).await;
                reply.answer(result);
            }
            RegistrarMsg::Unregister { name, reply } => {
                let Some(reply) = reply.begin() else { continue };
                set_deadline(None);
                if registrar.shared.whereis(&name).is_some() {
                    let nodes = registrar.lock(&cx).await;
                    ask(cx.pid(), &nodes, &wire::unregister_request(&name)).await;
                    registrar.release(&cx, &nodes).await;
                }
                reply.answer(Ok(()));
            }
            RegistrarMsg::NodeUp => {}
        }
    }
}

struct Registrar {
    server: Addr<GlobalMsg>,
    shared: Arc<Shared>,
    draw: fastrand::Rng,
    owed: Owed,
}

impl Registrar {
    async fn register(
        &mut self,
        cx: &Cx<RegistrarMsg>,
        entry: &Entry,
        again: bool,
    ) -> Result<(), GlobalError> {
        let nodes = self.lock(cx).await;
        let result = if again { Ok(()) } else { self.shared.check_free(&entry.name, entry.pid) };
        let result = match result {
            Ok(()) => {
                let answers = ask(cx.pid(), &nodes, &wire::register_request(entry)).await;
                let here = answers.iter().find(|(node, _)| *node == cx.node());
                if here.is_some_and(|(_, answer)| answer.is_atom("yes")) {
                    Ok(())
                } else {
                    Err(GlobalError::TooManyNames)
                }
            }
            Err(error) => Err(error),
        };
        self.release(cx, &nodes).await;
        result
    }

    /// Sets the lock on all nodes that agree on names; which those are.
    async fn lock(&mut self, cx: &Cx<RegistrarMsg>) -> Vec<NodeName> {
        let requester = Term::Pid(cx.pid());
        for times in 0.. {
            self.pay(cx).await;
            let known = self.known().await;
            let nodes: Vec<NodeName> = known.iter().copied().chain([cx.node()]).collect();
            let boss = nodes.iter().copied().fold(cx.node(), NodeName::max);
            let silent = match set_lock(cx.pid(), &GLOBAL, &requester, &[boss], &self.shared).await {
                Ok(()) => match set_lock(cx.pid(), &GLOBAL, &requester, &nodes, &self.shared).await {
                    Ok(()) if self.known().await == known => return nodes,
                    Ok(()) => release(cx.pid(), &GLOBAL, &requester, &nodes).await,
                    Err(mut silent) => {
                        silent.extend(del_lock(cx.pid(), &GLOBAL, &requester, &[boss]).await);
                        silent
                    }
                },
                Err(silent) => silent,
            };
            self.owe(cx, &silent);
            cx.sleep(retry_after(times, |bound| self.draw.u64(1..=bound))).await;
        }
        Vec::new()
    }

    async fn release(&mut self, cx: &Cx<RegistrarMsg>, nodes: &[NodeName]) {
        let silent = release(cx.pid(), &GLOBAL, &Term::Pid(cx.pid()), nodes).await;
        self.owe(cx, &silent);
    }

    fn owe(&mut self, cx: &Cx<RegistrarMsg>, silent: &[NodeName]) {
        for node in silent {
            if !self.owed.add(*node, &Term::Pid(cx.pid())) {
                cx.processes().count_dropped();
            }
        }
    }

    /// Gives locks back, once each, at nodes that did not answer that and are connected again. The lock is not set now: it is
    /// no later one.
    async fn pay(&mut self, cx: &Cx<RegistrarMsg>) {
        for _ in 0..self.owed.len() {
            let Some((node, requester)) = self.owed.take(|node| self.shared.is_up(node)) else { return };
            let silent = del_lock(cx.pid(), &GLOBAL, &requester, &[node]).await;
            self.owe(cx, &silent);
        }
    }

    /// As [`Registrar::pay`]; and to be told of the next node that is connected, where something is owed.
    async fn pay_before_waiting(&mut self, cx: &Cx<RegistrarMsg>) {
        if self.owed.len() > 0 {
            // Before it is looked which nodes are connected: of one that is later it is told then.
            self.shared.wakes_registrar.store(true, Ordering::SeqCst);
            self.pay(cx).await;
        }
    }

    async fn known(&self) -> Vec<NodeName> {
        // The server ends together with this process.
        Call::new(&self.server, GlobalMsg::Known).no_timeout().await.unwrap_or_default()
    }
}

/// How long to wait after the lock could not be had so often: up to 8 s.
pub(super) fn retry_after(times: u32, draw: impl FnOnce(u64) -> u64) -> Duration {
    let max = if times > 5 { 8_000 } else { (1 << times) * 1_000 / 8 };
    Duration::from_millis(draw(max))
}
