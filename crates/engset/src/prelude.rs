//! What most programs need: `use engset::prelude::*`.

pub use crate::{
    Addr, Atom, CallError, CallTarget, Child, Cx, Down, Exit, ExitReason, Info, Mail, Pid, Protocol, Reply,
    Restart, Server, Service, Shutdown, Supervisor, Target, Term, Trapped, server, start, start_link,
    start_named,
};
