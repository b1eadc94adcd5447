//! What can be seen of the network from outside: written down for people, mixed into the trace for machines.

use engset_process::Seeded;
use engset_term::{Instant, NodeName};
use std::fmt;

/// Something that happened in the network, or that a test noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A node began to connect.
    Dial {
        /// Who dials.
        node: NodeName,
        /// Whom.
        peer: NodeName,
    },
    /// A node holds a connection: the handshake succeeded at its end.
    Up {
        /// At whose end.
        node: NodeName,
        /// With whom.
        peer: NodeName,
    },
    /// One end of a stream was closed.
    Down {
        /// At whose end.
        node: NodeName,
        /// With whom.
        peer: NodeName,
        /// Why.
        reason: String,
    },
    /// A dial came to nothing.
    NotReached {
        /// Who dialled.
        node: NodeName,
        /// Whom.
        peer: NodeName,
    },
    /// Said by a test or by a process of it.
    Note(String),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial { node, peer } => write!(f, "{node} dials {peer}"),
            Self::Up { node, peer } => write!(f, "{node} is connected to {peer}"),
            Self::Down { node, peer, reason } => write!(f, "{node} closes its stream to {peer}: {reason}"),
            Self::NotReached { node, peer } => write!(f, "{node} does not reach {peer}"),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// All facts so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    all: Vec<(Instant, Fact)>,
}

impl Facts {
    pub(crate) fn add(&mut self, seeded: &Seeded, fact: Fact) {
        seeded.note(hash(fact.to_string().as_bytes()));
        self.all.push((seeded.now(), fact));
    }

    pub(crate) fn all(&self) -> &[(Instant, Fact)] {
        &self.all
    }
}

/// FNV-1a.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}
