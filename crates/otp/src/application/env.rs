//! The environment of an application: values by name, read and changed without a message.

use engset_term::{Atom, Term};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How many values can be put into the environment of an application. One more is refused with [`EnvError::TooMany`].
pub const ENV_MAX: usize = 10_000;

/// The environment of an application that is loaded. Clones mean the same one.
///
/// ```
/// use engset_otp::application::{Application, Controller};
/// # use engset_process::{Cx, Identity, Processes, Scheduler};
/// # use engset_term::{Atom, NodeName, Term};
///
/// const SHOP: Atom = Atom::from_static("shop");
/// const TCP_PORT: Atom = Atom::from_static("tcp_port");
///
/// # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(7));
/// # let result = processes.block_on(|_: Cx<Term>| async move {
/// let apps = Controller::default().start().await.expect("it is the only one");
/// apps.load(Application::library(SHOP).env(TCP_PORT, 80)).await.expect("it is new");
/// let env = apps.env(&SHOP).expect("it is loaded");
/// assert_eq!(env.get_as::<u16>(&TCP_PORT), Ok(Some(80)));
/// env.put(TCP_PORT, Term::from(8080)).expect("there is room");
/// assert_eq!(apps.env(&SHOP).and_then(|env| env.get(&TCP_PORT)), Some(Term::from(8080)));
/// # });
/// # assert_eq!(result, Ok(()));
/// ```
#[derive(Clone)]
pub struct Env {
    values: Arc<RwLock<BTreeMap<Atom, Term>>>,
}

/// A value of an environment was not read or not put.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvError {
    /// The value is there, but not of the type that was asked for.
    Type {
        /// The value's name.
        key: Atom,
        /// What is wrong with it.
        why: String,
    },
    /// The value has no Erlang form.
    Encode {
        /// The value's name.
        key: Atom,
        /// Why.
        why: String,
    },
    /// The environment holds as many values as it may: [`ENV_MAX`].
    TooMany(usize),
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { key, why } => write!(f, "the value of `{key}` is not of the expected type: {why}"),
            Self::Encode { key, why } => write!(f, "the value for `{key}` was not put: {why}"),
            Self::TooMany(max) => {
                write!(f, "the environment holds {max} values and may not hold more: put them in one map")
            }
        }
    }
}

impl std::error::Error for EnvError {}

impl Env {
    pub(super) fn new(values: BTreeMap<Atom, Term>) -> Self {
        Self { values: Arc::new(RwLock::new(values)) }
    }

    /// The value of `key`, if there is one.
    #[must_use]
    pub fn get(&self, key: &Atom) -> Option<Term> {
        self.values.read().get(key).cloned()
    }

    /// The value of `key` as a `T`, if there is one.
    ///
    /// # Errors
    /// [`EnvError::Type`] where it is no `T`.
    pub fn get_as<T: DeserializeOwned>(&self, key: &Atom) -> Result<Option<T>, EnvError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let typed = engset_etf::from_term(&value);
        typed.map(Some).map_err(|error| EnvError::Type { key: key.clone(), why: error.to_string() })
    }

    /// Puts a value; the one that was there. A change of the configuration takes it away again.
    ///
    /// # Errors
    /// [`EnvError::TooMany`] where it would be one value too many.
    pub fn put(&self, key: Atom, value: Term) -> Result<Option<Term>, EnvError> {
        let mut values = self.values.write();
        if values.len() >= ENV_MAX && !values.contains_key(&key) {
            return Err(EnvError::TooMany(ENV_MAX));
        }
        Ok(values.insert(key, value))
    }

    /// Puts a value of any type that has an Erlang form; the term that was there.
    ///
    /// # Errors
    /// [`EnvError::Encode`] where it has none; [`EnvError::TooMany`] where it would be one value too many.
    pub fn put_as<T: Serialize>(&self, key: Atom, value: &T) -> Result<Option<Term>, EnvError> {
        match engset_etf::to_term(value) {
            Ok(value) => self.put(key, value),
            Err(error) => Err(EnvError::Encode { key, why: error.to_string() }),
        }
    }

    /// Takes a value away; the one that was there.
    pub fn unset(&self, key: &Atom) -> Option<Term> {
        self.values.write().remove(key)
    }

    /// All values, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<(Atom, Term)> {
        self.values.read().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Puts other values in the place of all; those that were there.
    pub(super) fn replace(&self, values: BTreeMap<Atom, Term>) -> BTreeMap<Atom, Term> {
        std::mem::replace(&mut *self.values.write(), values)
    }
}

impl fmt::Debug for Env {
    /// Says nothing of the values: secrets may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} values)", self.values.read().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Atom = Atom::from_static("key");

    #[test]
    fn values_are_put_read_and_taken_away() {
        let env = Env::new(BTreeMap::new());
        assert_eq!(env.get_as::<u8>(&KEY), Ok(None));
        assert_eq!(env.put_as(KEY, &300), Ok(None));
        assert_eq!(env.get_as::<u16>(&KEY), Ok(Some(300)));
        assert!(matches!(env.get_as::<u8>(&KEY), Err(EnvError::Type { key, .. }) if key == KEY));
        assert_eq!(env.put(KEY, Term::Nil), Ok(Some(Term::from(300))));
        assert_eq!(env.unset(&KEY), Some(Term::Nil));
        assert_eq!(env.unset(&KEY), None);
        assert!(matches!(env.put_as(KEY, &f64::NAN), Err(EnvError::Encode { key, .. }) if key == KEY));
    }

    #[test]
    fn values_have_a_limit() {
        let key = |number: usize| Atom::new(&number.to_string()).expect("short");
        let env = Env::new((1..ENV_MAX).map(|number| (key(number), Term::Nil)).collect());
        assert_eq!(env.put(key(0), Term::Nil), Ok(None));
        assert_eq!(env.put(key(ENV_MAX), Term::Nil), Err(EnvError::TooMany(ENV_MAX)));
        assert_eq!(env.put(key(0), Term::from(1)), Ok(Some(Term::Nil)));
        assert_eq!(env.all().len(), ENV_MAX);
    }
}
