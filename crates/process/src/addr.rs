//! Addresses typed by protocol: of one process, or of whoever holds a name.

use crate::carried::Carried;
use crate::current;
use crate::processes::Pushed;
use crate::protocol::{Protocol, SendError};
use crate::signal::Dest;
use engset_term::{Atom, NodeName, Pid};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The address of one process that understands `P`, on this node or any other.
///
/// `Copy`, free of reference counts, and a pid on the wire. It names one incarnation: after a restart the successor
/// has another address. Use a [`Service`] for a name that survives restarts.
pub struct Addr<P> {
    pid: Pid,
    protocol: PhantomData<fn(P)>,
}

/// Whoever holds a name, on this node or another: an address that survives restarts.
pub struct Service<P> {
    name: Atom,
    node: Option<NodeName>,
    protocol: PhantomData<fn(P)>,
}

/// What messages of `P` can be sent to: an [`Addr`] or a [`Service`].
pub trait Target<P: Protocol>: Clone + Send + Sync + 'static {
    /// Where messages go.
    fn dest(&self) -> Dest;

    /// Sends `message` from the running process. Never waits, and does not tell whether it arrived.
    ///
    /// # Errors
    /// [`SendError`] when it was refused on this node; the message comes back. A message to another node is not
    /// refused for want of a receiver.
    fn send(&self, message: P) -> Result<(), SendError<P>> {
        current::with(|current| match current {
            Some(current) => current.processes.send(current.pid, &self.dest(), message),
            None => Err(SendError::OutsideNode(message)),
        })
    }
}

#[inline(never)]
fn not_just_sent<P: Protocol>(
    to: Pid,
    pushed: Option<Pushed>,
    message: Carried<P>,
) -> Result<(), SendError<P>> {
    current::with(|current| match (current, message) {
        (Some(current), message) => current.processes.not_just_sent(current.pid, to, pushed, message),
        (None, message) => message.left().map_or(Ok(()), |message| Err(SendError::OutsideNode(message))),
    })
}

impl<P> Addr<P> {
    /// The address of `pid`, taken to understand `P`.
    ///
    /// Whether it does shows when a message arrives: a process of this node with another message type gets the
    /// message in its Erlang form, as a process of another node would.
    #[must_use]
    pub const fn new(pid: Pid) -> Self {
        Self { pid, protocol: PhantomData }
    }

    /// The process.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }
}

impl<P> Service<P> {
    /// The holder of `name` on the node of the process that sends.
    #[must_use]
    pub const fn local(name: Atom) -> Self {
        Self { name, node: None, protocol: PhantomData }
    }

    /// The holder of `name` on `node`.
    #[must_use]
    pub const fn at(name: Atom, node: NodeName) -> Self {
        Self { name, node: Some(node), protocol: PhantomData }
    }
}

impl<P: Protocol> Target<P> for Addr<P> {
    fn dest(&self) -> Dest {
        Dest::Pid(self.pid)
    }

    #[inline]
    fn send(&self, message: P) -> Result<(), SendError<P>> {
        let mut message = Carried::new(message);
        match current::with(|current| current?.processes.bring(self.pid, &mut message)) {
            Some(Pushed::Yes) => Ok(()),
            pushed => not_just_sent(self.pid, pushed, message),
        }
    }
}

impl<P: Protocol> Target<P> for Service<P> {
    fn dest(&self) -> Dest {
        match self.node {
            Some(node) => Dest::RemoteName(self.name.clone(), node),
            None => Dest::Name(self.name.clone()),
        }
    }
}

impl<P> Clone for Addr<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Addr<P> {}

impl<P> PartialEq for Addr<P> {
    fn eq(&self, other: &Self) -> bool {
        self.pid == other.pid
    }
}

impl<P> Eq for Addr<P> {}

impl<P> Hash for Addr<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pid.hash(state);
    }
}

impl<P> fmt::Debug for Addr<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addr({})", self.pid)
    }
}

impl<P> From<Addr<P>> for Dest {
    fn from(addr: Addr<P>) -> Self {
        Self::Pid(addr.pid)
    }
}

impl<P: Protocol> From<Service<P>> for Dest {
    fn from(service: Service<P>) -> Self {
        service.dest()
    }
}

impl<P> Serialize for Addr<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.pid.serialize(serializer)
    }
}

impl<'de, P> Deserialize<'de> for Addr<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Pid::deserialize(deserializer).map(Self::new)
    }
}

impl<P> Clone for Service<P> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), node: self.node, protocol: PhantomData }
    }
}

impl<P> fmt::Debug for Service<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "Service({} at {node})", self.name),
            None => write!(f, "Service({})", self.name),
        }
    }
}
