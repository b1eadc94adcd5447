//! Whoever holds a global name, as the target of messages and calls.

use super::Global;
use engset_otp::CallTarget;
use engset_process::{Dest, Protocol, Target};
use engset_term::{Atom, Term};
use std::fmt;
use std::marker::PhantomData;

/// Whoever holds a global name when something is sent, taken to understand `P`: as `{global, Name}` in Erlang, it survives
/// restarts, and moves from node to node. Made by [`Global::at`].
pub struct GlobalName<P> {
    global: Global,
    name: Term,
    protocol: PhantomData<fn(P)>,
}

/// No process can have this name; who sends to it is told that there is none.
const NOBODY: Atom = Atom::from_static("undefined");

impl<P> GlobalName<P> {
    pub(super) fn new(global: Global, name: Term) -> Self {
        Self { global, name, protocol: PhantomData }
    }
}

impl<P: Protocol> Target<P> for GlobalName<P> {
    fn dest(&self) -> Dest {
        self.global.shared.whereis(&self.name).map_or(Dest::Name(NOBODY), Dest::Pid)
    }
}

impl<P: Protocol> CallTarget<P> for GlobalName<P> {}

impl<P: Protocol> From<GlobalName<P>> for Dest {
    fn from(name: GlobalName<P>) -> Self {
        name.dest()
    }
}

impl<P> Clone for GlobalName<P> {
    fn clone(&self) -> Self {
        Self { global: self.global.clone(), name: self.name.clone(), protocol: PhantomData }
    }
}

impl<P> fmt::Debug for GlobalName<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalName({})", self.name)
    }
}
