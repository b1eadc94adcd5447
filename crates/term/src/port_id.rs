//! Port identifiers.

use core::cmp::Ordering;
use core::fmt;

use crate::NodeName;

/// The identifier of an Erlang port: its node, that node's incarnation, and a number.
///
/// Orders as Erlang's do: by node name, then creation, then number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortId {
    node: NodeName,
    creation: u32,
    id: u64,
}

impl PortId {
    /// A port identifier from its three parts; any values are allowed.
    pub const fn new(node: NodeName, creation: u32, id: u64) -> Self {
        Self { node, creation, id }
    }

    /// The node the port belongs to.
    pub const fn node(self) -> NodeName {
        self.node
    }

    /// The incarnation of that node.
    pub const fn creation(self) -> u32 {
        self.creation
    }

    /// The port's number.
    pub const fn id(self) -> u64 {
        self.id
    }
}

impl Ord for PortId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.node
            .cmp(&other.node)
            .then_with(|| self.creation.cmp(&other.creation))
            .then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for PortId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `#Port<name@host.id>`.
impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Port<{}.{}>", self.node, self.id)
    }
}

impl fmt::Debug for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
