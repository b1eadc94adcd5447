//! What most programs need: `use engset::prelude::*`.

pub use crate::{
    Addr, Atom, CallError, CallTarget, Child, Cx, Dest, Down, Dynamic, Exit, ExitReason, Info, Mail, Node,
    NodeName, Pid, Protocol, Reference, Reply, Restart, SendError, Server, Service, Shutdown, SpawnOptions,
    StartError, Supervisor, SupervisorRef, Target, Term, Trapped, client, server, start, start_link,
    start_named, term,
};
