//! The other nodes: being connected, connected, and who must be told when a connection is lost.
//!
//! A connection is made when the first signal for a node is sent; signals wait in a queue until it is up. When two
//! nodes dial each other at once the attempt of the greater name goes on (`engset_dist::handshake::simultaneous`).
//! A process that may have a link or monitor over a connection is noted with it; when the connection is lost, each
//! of them gets one `NodeDown` signal and fires its own links and monitors. That a process does not lose a signal in
//! the gap between "looked up the connection" and "the connection is lost" is kept by the link's lock: whoever finds
//! it closed looks again.

use crate::node::Dial;
use crate::outbound::Outbound;
use crate::own_name::Alias;
use crate::watchers::Connection;
use engset_dist::Flags;
use engset_dist::connection::{OutgoingStreams, Received};
use engset_process::{Epoch, Processes};
use engset_term::{Atom, NodeName, Pid, PinnedNodeName, Reference};
use parking_lot::{Mutex, ReentrantMutex};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// Identifies one attempt to connect, made by either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub(crate) u64);

/// Why a connection could not be made.
pub type DialError = Arc<dyn Error + Send + Sync>;

/// A connection was not made because there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyConnections {
    /// The limit, from the node's configuration.
    pub limit: usize,
}

impl fmt::Display for TooManyConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this node's limit of {} connections is reached", self.limit)
    }
}

impl Error for TooManyConnections {}

/// The connection attempt ended in another way than expected; says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// The peer refused our attempt in favour of its own, which then did not come.
    PeerNeverCame,
    /// More was sent to the peer than may wait for a connection in the making.
    PendingQueueFull,
    /// The node was told to disconnect.
    Disconnected,
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerNeverCame => "the peer preferred its own connection to ours and then did not make it",
            Self::PendingQueueFull => "too much was sent to the peer before the connection was up",
            Self::Disconnected => "this node was told to disconnect from the peer",
        })
    }
}

impl Error for Abandoned {}

/// Called once with how an attempt to connect ended.
pub(crate) type Waiter = Box<dyn FnOnce(Result<(), DialError>) + Send>;

/// The other nodes, found without a look at the text of a name. Whoever goes through all of them in an order that can be
/// seen sorts them.
pub(crate) type Peers = HashMap<NodeName, Peer, BuildHasherDefault<NameHasher>>;

/// Hashes the numbers of a node name. Peers do not choose them.
#[derive(Debug, Default)]
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u16(u16::from(*byte)));
    }

    fn write_u16(&mut self, number: u16) {
        self.0 = (self.0.rotate_left(16) ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What is known of another node.
pub(crate) enum Peer {
    Connecting(Connecting),
    Up(Arc<Link>),
}

/// A connection in the making.
pub(crate) struct Connecting {
    /// The connection that this will be, if it succeeds.
    pub(crate) epoch: Epoch,
    /// The attempt that decides; another may have taken over from the one that began.
    pub(crate) attempt: AttemptId,
    /// Our own attempt while it is under way, also when the peer's decides; none where that was refused because the peer's
    /// is to come.
    pub(crate) ours: Option<AttemptId>,
    /// Whether ours has come so far that the peer knows of it, or is about to.
    pub(crate) is_told: bool,
    /// The peer's attempt failed and ours was begun after it.
    pub(crate) dialled_again: bool,
    pub(crate) queue: Vec<Outbound>,
    pub(crate) queued_bytes: usize,
    /// Whether the queue is long.
    pub(crate) is_busy: bool,
    pub(crate) concerned: Concerned,
    pub(crate) waiters: Vec<Waiter>,
    /// Woken when the queue is gone.
    pub(crate) senders: Vec<Waker>,
    /// Keeps the peer's name from being forgotten.
    _pin: PinnedNodeName,
}

/// Which local processes must hear of the loss of a connection.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    pub(crate) pids: BTreeSet<Pid>,
    /// Monitors that peers made by name: whom they watch, also after the name has moved on, and the name to tell.
    pub(crate) by_name: BTreeMap<Reference, (Pid, Atom)>,
}

/// A connection that is up.
pub(crate) struct Link {
    pub(crate) epoch: Epoch,
    pub(crate) attempt: AttemptId,
    pub(crate) peer: NodeName,
    pub(crate) flags: Flags,
    pub(crate) visible: bool,
    pub(crate) state: Mutex<LinkState>,
    /// What this node is called on the other side, where it got its name from a peer.
    pub(crate) alias: Option<Arc<Alias>>,
    /// Whether nothing that comes over it acts any more.
    silent: AtomicBool,
    /// Locked while something that came over it acts; by one thread again where that closes the connection.
    acting: ReentrantMutex<()>,
    /// Keeps the peer's name from being forgotten.
    _pin: PinnedNodeName,
}

pub(crate) struct LinkState {
    pub(crate) outgoing: OutgoingStreams,
    pub(crate) concerned: Concerned,
    pub(crate) closed: bool,
    /// Whether the queue is long, for some sender at least.
    pub(crate) is_busy: bool,
    /// Woken when there is something to write, or to close.
    pub(crate) driver: Option<Waker>,
    /// Who waits with sending; each is woken when it need not wait any more.
    pub(crate) senders: BTreeMap<Pid, Vec<Waker>>,
}

impl LinkState {
    /// Takes those out of the senders who need not wait any more.
    pub(crate) fn calm_senders(&mut self) -> Vec<Waker> {
        let Self { senders, outgoing, .. } = self;
        let calm = senders.extract_if(.., |sender, _| !outgoing.is_busy(*sender));
        calm.flat_map(|(_, wakers)| wakers).collect()
    }
}

impl Link {
    pub(crate) fn new(
        (epoch, attempt): (Epoch, AttemptId),
        peer: NodeName,
        (flags, visible): (Flags, bool),
        alias: Option<Arc<Alias>>,
        outgoing: OutgoingStreams,
        concerned: Concerned,
    ) -> Arc<Self> {
        let state = LinkState {
            outgoing,
            concerned,
            closed: false,
            is_busy: false,
            driver: None,
            senders: BTreeMap::new(),
        };
        let (state, silent, acting) = (Mutex::new(state), AtomicBool::new(false), ReentrantMutex::new(()));
        Arc::new(Self {
            epoch,
            attempt,
            peer,
            flags,
            visible,
            alias,
            state,
            silent,
            acting,
            _pin: peer.pin(),
        })
    }

    /// What watchers of nodes are told of it.
    pub(crate) fn connection(&self) -> Connection {
        let is_full = self.flags.contains(Flags::SPAWN);
        Connection { node: self.peer, visible: self.visible, is_full, epoch: self.epoch }
    }

    /// Notes a process that must hear of the loss of the connection; false where it is lost already.
    pub(crate) fn concern(&self, pid: Pid) -> bool {
        let mut state = self.state.lock();
        if !state.closed {
            state.concerned.pids.insert(pid);
        }
        !state.closed
    }

    /// A signal that came over it, on whichever stream, as this node understands it.
    #[inline]
    pub(crate) fn inward(&self, received: Received) -> Received {
        match &self.alias {
            Some(alias) => alias.inward(received),
            None => received,
        }
    }

    /// Whether nothing that comes over it acts any more.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::SeqCst)
    }

    /// From now on nothing that comes over it acts; waits for the signal that acts just now, unless it is this one. Not
    /// to be called with the peers locked, which a signal may want.
    pub(crate) fn silence(&self) {
        self.silent.store(true, Ordering::SeqCst);
        drop(self.acting.lock());
    }

    /// Lets what has come over it act, one signal after the other, as long as it [`Self::is_silent`] not.
    pub(crate) fn acting(&self) -> impl Drop {
        self.acting.lock()
    }

    /// Closes the link for senders; who is concerned, the first time.
    pub(crate) fn close(&self, processes: &Processes) -> Option<Concerned> {
        let (concerned, driver, senders) = {
            let mut state = self.state.lock();
            if state.closed {
                return None;
            }
            state.closed = true;
            self.silent.store(true, Ordering::SeqCst);
            if std::mem::take(&mut state.is_busy) {
                processes.link_is_calm();
            }
            let concerned = std::mem::take(&mut state.concerned);
            (concerned, state.driver.take(), std::mem::take(&mut state.senders))
        };
        driver.into_iter().chain(senders.into_values().flatten()).for_each(Waker::wake);
        Some(concerned)
    }
}

impl Connecting {
    pub(crate) fn new(peer: NodeName, attempt: AttemptId, epoch: Epoch) -> Self {
        Self {
            epoch,
            attempt,
            ours: None,
            is_told: false,
            dialled_again: false,
            queue: Vec::new(),
            queued_bytes: 0,
            is_busy: false,
            concerned: Concerned::default(),
            waiters: Vec::new(),
            senders: Vec::new(),
            _pin: peer.pin(),
        }
    }

    /// Makes `attempt`, our own, the one that decides.
    pub(crate) fn dial(&mut self, peer: NodeName, attempt: AttemptId) -> Dial {
        self.attempt = attempt;
        self.ours = Some(attempt);
        self.is_told = false;
        Dial { peer, attempt }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer).field("flags", &self.flags).finish_non_exhaustive()
    }
}
