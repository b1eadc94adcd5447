//! Erlang/OTP for Rust: processes, supervision, and nodes that join Erlang and Elixir clusters.
//!
//! A *process* is a small piece of code with a mailbox. Processes share nothing: they send each other messages, watch
//! each other, and end with a reason that others are told. A *server* is a process that answers requests; an `impl`
//! block makes one:
//!
//! ```
//! use engset::prelude::*;
//!
//! struct Counter {
//!     value: u64,
//! }
//!
//! #[server]
//! impl Counter {
//!     /// Adds `by` and answers the sum.
//!     #[call]
//!     fn add(&mut self, by: u64) -> u64 {
//!         self.value += by;
//!         self.value
//!     }
//! }
//!
//! /// The children of the shop: a counter that is always there, under a name.
//! fn shop() -> Supervisor {
//!     let counter = Atom::new("counter").expect("a short name");
//!     Supervisor::one_for_one().child(Child::named_server(counter, || Counter { value: 0 }))
//! }
//!
//! async fn sell() -> Result<u64, CallError> {
//!     let counter = CounterRef::named(Atom::new("counter").expect("a short name"));
//!     counter.add(3).await
//! }
//! # drop(shop());
//! # drop(sell());
//! ```
//!
//! From Erlang the same server is `gen_server:call(counter, {add, 3})`.
//!
//! * Messages move as they are between processes of one node, and are Erlang terms between nodes: [`Protocol`].
//! * Addresses name one process ([`Addr`]) or whoever holds a name ([`Service`]), on any node.
//! * A call has a deadline, and its error tells whether the request may have run: [`CallError::maybe_executed`].
//! * A supervisor starts, restarts and stops its children: [`Supervisor`].

pub mod prelude;

#[doc(hidden)]
pub use engset_otp::__private;

pub use engset_macros::server;
/// Connecting, EPMD, and their errors.
pub mod net {
    pub use engset_dist::epmd::EpmdError;
    pub use engset_dist::handshake::{HandshakeError, Step as HandshakeStep};
    pub use engset_net::{ConnectError, NodeBuilder, StartNodeError, Step, epmd};
    pub use engset_node::{
        Abandoned, BadSignal, Channel, CloseReason, Dial, DialError, Network, Node as NodeCore, NodeConfig,
        TooManyConnections,
    };
}

pub use engset_net::{NodeBuilder, RunningNode as Node, StartNodeError};
pub use engset_otp::{
    CALL_TIMEOUT, Call, CallError, CallTarget, Calling, Child, ChildError, ChildId, ChildInfo, ChildKind,
    ChildState, Counts, Dynamic, Factory, Info, Reply, Restart, SHUTDOWN_TIMEOUT, Server, Shutdown, Start,
    StartError, Starting, Strategy, Supervisor, SupervisorMsg, SupervisorRef, start, start_link, start_named,
    start_on,
};
pub use engset_process::{
    Addr, ControlSignal, Counted, Counters, Cx, Dest, Down, EncodeError, Encoded, Exit, ExitReason, Identity,
    IntoExit, Mail, Outgoing, PROCESSES_MAX, ProcessInfo, Processes, Protocol, Receive, ReceiveTimeout,
    RegisterError, Rejected, Scheduler, Seeded, SendError, Service, Sleep, SpawnError, SpawnOptions, Step,
    Target, Threads, Timer, TimerRef, TooManyProcesses, Trapped, current,
};
pub use engset_term::{
    Atom, AtomError, Big, Binary, BitString, Export, Float, FloatError, Instant, Integer, List, Map,
    MapError, NodeName, NodeNameError, Opaque, ParseError, ParseErrorKind, Pid, PortId, Reference,
    ReferenceError, Term, Tuple,
};
