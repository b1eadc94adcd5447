//! The other nodes as a process sees them: lists of them, connecting and waiting for it.

use crate::node::Node;
use crate::peers::DialError;
use engset_term::NodeName;
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
