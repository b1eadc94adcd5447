//! The other nodes as a process sees them: lists of them, connecting and waiting for it.

use crate::node::Node;
use crate::peers::{DialError, Peer};
use crate::watchers::{MonitorNodes, Told, TooManyWatchers};
use engset_process::Dest;
use engset_term::{NodeName, Pid};
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Which nodes [`Node::nodes`] tells of, by the words of `erlang:nodes/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeList {
    /// Connected by a visible connection.
    Visible,
    /// Connected by a hidden connection.
    Hidden,
    /// Connected.
    Connected,
    /// This node.
    This,
    /// This node, and those connected or being connected to.
    Known,
}

#[derive(Default)]
struct Waiting {
    result: Option<Result<(), DialError>>,
    waker: Option<Waker>,
}

impl Node {
    /// The nodes of a kind, as `erlang:nodes(Kind)`, in order of name.
    #[must_use]
    pub fn nodes(&self, which: NodeList) -> Vec<NodeName> {
        let connected = |wanted: Option<bool>| {
            let connected = self.connected().into_iter();
            connected
                .filter(|(_, visible)| wanted.is_none_or(|wanted| wanted == *visible))
                .map(|(name, _)| name)
                .collect()
        };
        match which {
            NodeList::Visible => connected(Some(true)),
            NodeList::Hidden => connected(Some(false)),
            NodeList::Connected => connected(None),
            NodeList::This => vec![self.name()],
            NodeList::Known => {
                let mut known = self.known();
                known.push(self.name());
                known.sort_unstable();
                known.dedup();
                known
            }
        }
    }

    /// Connects to `peer`, unless connected, and waits for it.
    ///
    /// Cancel-safe: the attempt goes on when nobody waits.
    ///
    /// # Errors
    /// [`DialError`] where no connection could be made.
    pub async fn connect_and_wait(self: &Arc<Self>, peer: NodeName) -> Result<(), DialError> {
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let told = Arc::clone(&waiting);
        self.connect(peer, move |result| {
            let waker = {
                let mut waiting = told.lock();
                waiting.result = Some(result);
                waiting.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        });
        poll_fn(|task| {
            let mut waiting = waiting.lock();
            match waiting.result.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    waiting.waker = Some(task.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Who is told of nodes that come and go.
impl Node {
    /// Tells `pid` from now on when nodes come and go, as `net_kernel:monitor_nodes(true, Options)`: by messages
    /// `{nodeup, Node}` and `{nodedown, Node}`, with a third element where `options` ask for information. A process
    /// that subscribes twice gets each message twice. Nodes that are connected already are not told of.
    ///
    /// As in OTP since 23: whatever comes over a connection comes after its `nodeup` and before its `nodedown`.
    ///
    /// # Errors
    /// When there are [`WATCHERS_MAX`](crate::WATCHERS_MAX) subscriptions of living processes.
    pub fn monitor_nodes(&self, pid: Pid, options: MonitorNodes) -> Result<(), TooManyWatchers> {
        let mut watchers = self.watchers.lock();
        watchers.subscribe(pid, options).or_else(|_| {
            watchers.sweep(|pid| self.processes().is_alive(pid));
            watchers.subscribe(pid, options)
        })
    }

    /// Tells `pid` from now on of nodes that run processes for others, visible or hidden; those there are already. What
    /// is said among kernel processes would confuse others: a program in C takes the first message for its answer.
    pub(crate) fn watch_full_nodes(&self, pid: Pid) -> Vec<NodeName> {
        let peers = self.peers.lock();
        let mut watchers = self.watchers.lock();
        let subscribed = watchers.subscribe_to_full_nodes(pid).or_else(|_| {
            watchers.sweep(|pid| self.processes().is_alive(pid));
            watchers.subscribe_to_full_nodes(pid)
        });
        drop(watchers);
        if let Err(error) = subscribed {
            tracing::error!(%pid, "a process does not hear of other nodes: {error}");
        }
        let full = peers.values().filter_map(|peer| match peer {
            Peer::Up(link) if link.connection().is_full => Some(link.peer),
            Peer::Up(_) | Peer::Connecting(_) => None,
        });
        let mut full: Vec<NodeName> = full.collect();
        full.sort();
        full
    }

    /// Ends the subscriptions that `pid` made with the same `options`; how many there were.
    pub fn demonitor_nodes(&self, pid: Pid, options: MonitorNodes) -> usize {
        self.watchers.lock().unsubscribe(pid, options)
    }

    /// Tells `pid` once, by `{nodedown, Node}`, when the connection to `peer` is lost or cannot be made, as
    /// `erlang:monitor_node(Node, true)`; without a connection one is made. A process that monitors twice gets two
    /// messages.
    ///
    /// # Errors
    /// When there are [`WATCHERS_MAX`](crate::WATCHERS_MAX) such monitors of living processes.
    pub fn monitor_node(self: &Arc<Self>, pid: Pid, peer: NodeName) -> Result<(), TooManyWatchers> {
        {
            let mut watchers = self.watchers.lock();
            watchers.monitor(pid, peer).or_else(|_| {
                watchers.sweep(|pid| self.processes().is_alive(pid));
                watchers.monitor(pid, peer)
            })?;
        }
        let node = Arc::downgrade(self);
        self.connect(peer, move |result| {
            // An attempt that was not even begun, since there are too many connections, has told nobody.
            if let (Err(_), Some(node)) = (result, node.upgrade()) {
                let told = node.watchers.lock().not_reached(peer);
                node.tell_watchers(told);
            }
        });
        Ok(())
    }

    /// Takes back one monitor of `peer` by `pid`; whether there was one.
    pub fn demonitor_node(&self, pid: Pid, peer: NodeName) -> bool {
        self.watchers.lock().demonitor(pid, peer)
    }

    pub(crate) fn tell_watchers(&self, told: Vec<Told>) {
        for (pid, message) in told.into_iter().filter(|(pid, _)| self.processes().is_alive(*pid)) {
            let mut body = Vec::new();
            engset_etf::encode_body(&message, &mut body);
            // In the name of the watcher itself, which no peer can speak for: it may want to know what is no forgery.
            self.processes().deliver(Some(pid), &Dest::Pid(pid), body.into());
        }
    }
}
