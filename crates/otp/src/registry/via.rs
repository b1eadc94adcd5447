//! Whoever holds a key, as the target of messages and calls.

use super::{Key, Registry, Value};
use crate::call::CallTarget;
use engset_process::{Dest, Protocol, Target};
use engset_term::Atom;
use std::fmt;
use std::marker::PhantomData;

/// Whoever holds a key now, taken to understand `P`: as a name, it survives restarts. Made by [`Registry::via`].
pub struct Via<K, V, P> {
    registry: Registry<K, V>,
    key: K,
    protocol: PhantomData<fn(P)>,
}

impl<K: Key, V: Value, P> Via<K, V, P> {
    pub(super) fn new(registry: Registry<K, V>, key: K) -> Self {
        Self { registry, key, protocol: PhantomData }
    }
}

/// No process can have this name; who sends to it is told that there is none.
const NOBODY: Atom = Atom::from_static("undefined");

impl<K: Key, V: Value, P: Protocol> Target<P> for Via<K, V, P> {
    fn dest(&self) -> Dest {
        self.registry.whereis(&self.key).map_or(Dest::Name(NOBODY), Dest::Pid)
    }
}

impl<K: Key, V: Value, P: Protocol> CallTarget<P> for Via<K, V, P> {}

impl<K: Key, V: Value, P: Protocol> From<Via<K, V, P>> for Dest {
    fn from(via: Via<K, V, P>) -> Self {
        via.dest()
    }
}

impl<K: Clone, V, P> Clone for Via<K, V, P> {
    fn clone(&self) -> Self {
        Self { registry: self.registry.clone(), key: self.key.clone(), protocol: PhantomData }
    }
}

impl<K: fmt::Debug, V, P> fmt::Debug for Via<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({:?})", self.key)
    }
}
