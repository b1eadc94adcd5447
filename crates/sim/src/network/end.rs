//! One end of a stream: the node's channel, what travels towards it, its alarm and its waker.

use super::Fabric;
use super::pipe::Pipe;
use engset_node::Channel;
use engset_process::Timer;
use engset_term::{Instant, NodeName};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

/// Identifies an end: the stream and the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndId {
    pub(crate) stream: u64,
    pub(crate) dialled: bool,
}

impl EndId {
    pub(crate) fn other(self) -> Self {
        Self { stream: self.stream, dialled: !self.dialled }
    }
}

/// One end of a stream.
pub(crate) struct End {
    pub(crate) id: EndId,
    pub(crate) node: NodeName,
    pub(crate) peer: NodeName,
    pub(crate) waker: Waker,
    pub(crate) state: Mutex<EndState>,
}

pub(crate) struct EndState {
    /// `None` once the end is closed.
    pub(crate) channel: Option<Channel>,
    pub(crate) incoming: Pipe,
    pub(crate) alarm: Option<(Instant, Timer)>,
    pub(crate) up: bool,
    /// What was written last is on the wire until then.
    pub(crate) busy_until: Instant,
}

impl End {
    pub(crate) fn new(
        fabric: &Weak<Fabric>,
        id: EndId,
        (node, peer): (NodeName, NodeName),
        channel: Channel,
    ) -> Arc<Self> {
        let doorbell = Doorbell { fabric: Weak::clone(fabric), id, rung: AtomicBool::new(false) };
        let state = EndState {
            channel: Some(channel),
            incoming: Pipe::default(),
            alarm: None,
            up: false,
            busy_until: Instant::ZERO,
        };
        Arc::new(Self { id, node, peer, waker: Waker::from(Arc::new(doorbell)), state: Mutex::new(state) })
    }
}

/// Wakes an end: it writes as soon as the running task or timer is done.
struct Doorbell {
    fabric: Weak<Fabric>,
    id: EndId,
    rung: AtomicBool,
}

impl Wake for Doorbell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(fabric) = self.fabric.upgrade() else { return };
        let doorbell = Arc::clone(self);
        fabric.at(fabric.now(), move |fabric| {
            doorbell.rung.store(false, Ordering::Relaxed);
            fabric.pump(doorbell.id);
        });
    }
}
