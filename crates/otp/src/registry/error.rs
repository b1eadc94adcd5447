//! Why a registry did not do what it was asked.

use super::{LISTENERS_MAX, META_MAX, PARTITIONS_MAX};
use engset_term::Pid;
use std::fmt;

/// Why a registry did not do what it was asked; nothing was changed.
///
/// ```
/// use engset_otp::registry::RegistryError;
///
/// let full = RegistryError::Full { max: 1_000 };
/// assert_eq!(full.to_string(), "the registry has 1000 entries, as many as it may: raise its `max_entries`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// A live process holds the key; it may be the one that asks.
    AlreadyRegistered {
        /// Who holds it.
        pid: Pid,
    },
    /// There are as many entries as there may be.
    Full {
        /// How many.
        max: usize,
    },
    /// The registry was stopped, or the process of the key's partition is being restarted.
    NotRunning,
    /// Who asks is no process of the registry's node.
    OutsideNode,
    /// Who asks does not hold the key.
    NotHolder,
    /// A key of a registry with [`super::Keys::Duplicate`] may have several values: there is not one to be changed.
    Duplicate,
    /// The registry keeps as many values about itself as it may, [`META_MAX`].
    TooMuchMeta,
    /// The registry was to have another number of partitions than 1 to [`PARTITIONS_MAX`].
    Partitions {
        /// What was asked for.
        given: usize,
    },
    /// The registry was to have more listeners than [`LISTENERS_MAX`].
    TooManyListeners,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRegistered { pid } => write!(f, "the key is held by {pid}"),
            Self::Full { max } => {
                write!(f, "the registry has {max} entries, as many as it may: raise its `max_entries`")
            }
            Self::NotRunning => f.write_str("the registry is not running: start it before those who use it"),
            Self::OutsideNode => f.write_str("only a process of the registry's node can hold a key there"),
            Self::NotHolder => f.write_str("only the process that holds a key can change its value"),
            Self::Duplicate => f.write_str(
                "the registry's keys are not unique: unregister the value and register the new one",
            ),
            Self::TooMuchMeta => {
                write!(f, "the registry keeps {META_MAX} values about itself, as many as it may")
            }
            Self::Partitions { given } => {
                write!(f, "a registry cannot have {given} partitions: ask for 1 to {PARTITIONS_MAX}")
            }
            Self::TooManyListeners => write!(f, "a registry can have {LISTENERS_MAX} listeners"),
        }
    }
}

impl std::error::Error for RegistryError {}
