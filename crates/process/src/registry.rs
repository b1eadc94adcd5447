//! Local names: atom → pid, at most one live holder at any instant.

use engset_term::{Atom, Pid};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;

/// The registered names of one node.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    names: RwLock<BTreeMap<Atom, Pid>>,
}

/// A name could not be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterError {
    /// A live process holds the name already.
    Taken {
        /// The name.
        name: Atom,
        /// Who holds it.
        by: Pid,
    },
    /// The process to be named is not alive on this node.
    NoProcess,
    /// `undefined` is no name: callers could not tell it from "nobody".
    Reserved,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, by } => write!(f, "the name {name} is taken by {by}"),
            Self::NoProcess => f.write_str("only a live process of this node can have a name"),
            Self::Reserved => f.write_str("`undefined` cannot be used as a name"),
        }
    }
}

impl std::error::Error for RegisterError {}

impl Registry {
    pub(crate) fn register(&self, name: Atom, pid: Pid) -> Result<(), RegisterError> {
        if name.as_str() == "undefined" {
            return Err(RegisterError::Reserved);
        }
        let mut names = self.names.write();
        if let Some(by) = names.get(&name) {
            return Err(RegisterError::Taken { name, by: *by });
        }
        names.insert(name, pid);
        Ok(())
    }

    /// Frees the name if `pid` holds it; whether it did.
    pub(crate) fn unregister(&self, name: &Atom, pid: Pid) -> bool {
        let mut names = self.names.write();
        let held = names.get(name) == Some(&pid);
        if held {
            names.remove(name);
        }
        held
    }

    pub(crate) fn whereis(&self, name: &Atom) -> Option<Pid> {
        self.names.read().get(name).copied()
    }

    /// All names with their holders, in order of name.
    pub(crate) fn all(&self) -> Vec<(Atom, Pid)> {
        self.names.read().iter().map(|(name, pid)| (name.clone(), *pid)).collect()
    }
}
