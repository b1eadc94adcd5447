//! Process identifiers.

use core::cmp::Ordering;
use core::fmt;

use crate::NodeName;

/// The identifier of a process: its node, that node's incarnation, and a 64-bit number.
///
/// Orders as Erlang's pids do: by number (serial, then id), then node name, then creation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pid {
    node: NodeName,
    creation: u32,
    id: u32,
    serial: u32,
}

impl Pid {
    /// A pid from its four parts; any values are allowed.
    pub const fn new(node: NodeName, creation: u32, id: u32, serial: u32) -> Self {
        Self { node, creation, id, serial }
    }

    /// The node the process lives on.
    pub const fn node(self) -> NodeName {
        self.node
    }

    /// The incarnation of that node.
    pub const fn creation(self) -> u32 {
        self.creation
    }

    /// The low half of the number.
    pub const fn id(self) -> u32 {
        self.id
    }

    /// The high half of the number.
    pub const fn serial(self) -> u32 {
        self.serial
    }

    /// `serial` and `id` as one number: `serial << 32 | id`.
    #[inline]
    pub const fn number(self) -> u64 {
        ((self.serial as u64) << 32) | self.id as u64
    }
}

impl Ord for Pid {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.number()
            .cmp(&other.number())
            .then_with(|| self.node.cmp(&other.node))
            .then_with(|| self.creation.cmp(&other.creation))
    }
}

impl PartialOrd for Pid {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `<name@host.id.serial>`.
impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", self.node, self.id, self.serial)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
