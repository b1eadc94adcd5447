//! Erlang/OTP for Rust: processes, supervision, and nodes that join Erlang and Elixir clusters.
//!
//! A *node* runs *processes*: small pieces of code with a mailbox each. Processes share nothing. They send each other
//! messages, watch each other, and end with a reason that others are told; one that panics ends alone.
//!
//! ```
//! use engset::prelude::*;
//!
//! /// What the doubler understands: a number, and whom to tell its double.
//! struct Double(u64, Pid);
//! impl Protocol for Double {}
//!
//! async fn doubler(mut cx: Cx<Double>) {
//!     // `recv` brings messages, ends of monitored processes, and trapped exits, in order of arrival.
//!     while let Mail::Message(Double(number, asker)) = cx.recv().await {
//!         // An asker that is gone needs no answer.
//!         drop(cx.send(asker, Term::from(number * 2)));
//!     }
//! }
//!
//! /// `Exit` ends a process; `?` makes it of any error.
//! async fn play(mut cx: Cx<Term>) -> Result<(), Exit> {
//!     // Spawn and send.
//!     let doubler = cx.spawn(doubler)?;
//!     doubler.send(Double(21, cx.pid()))?;
//!     assert!(matches!(cx.recv().await, Mail::Message(Term::Int(42))));
//!
//!     // Monitor: exactly one `Down` comes when the other process ends.
//!     let monitor = cx.monitor(doubler);
//!     cx.exit(doubler.pid(), ExitReason::Kill);
//!     let Mail::Down(down) = cx.recv().await else { panic!("nothing else is sent") };
//!     assert_eq!((down.reference, down.reason), (monitor, ExitReason::Killed));
//!
//!     // Link: linked processes end together, unless one of them traps exits.
//!     cx.trap_exit(true);
//!     let shaky = async |_cx: Cx<Term>| ExitReason::from(Atom::from_static("shaky"));
//!     let shaky = cx.spawn_link(SpawnOptions::default(), shaky)?;
//!     let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
//!     assert_eq!((exit.from, exit.reason.to_string()), (shaky.pid(), "shaky".to_owned()));
//!     Ok(())
//! }
//!
//! fn main() -> Result<(), Exit> {
//!     let node = Node::builder().start()?;
//!     node.block_on(play)?
//! }
//! ```
//!
//! A *server* is a process that answers requests; an `impl` block makes one. A *supervisor* starts processes, and
//! starts them again when they crash:
//!
//! ```
//! use engset::prelude::*;
//!
//! #[derive(Default)]
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
//!
//!     /// Crashes.
//!     #[call]
//!     fn crash(&mut self) {
//!         panic!("told to");
//!     }
//! }
//!
//! const COUNTER: Atom = Atom::from_static("counter");
//!
//! # fn main() -> Result<(), Exit> {
//! let node = Node::builder().start()?;
//! node.block_on(|_cx| async {
//!     // A counter that is always there, under a name.
//!     Supervisor::one_for_one().child(Child::named_server(COUNTER, Counter::default)).start().await?;
//!     let counter = CounterRef::named(COUNTER);
//!     assert_eq!(counter.add(3).await, Ok(3));
//!
//!     // Who calls a server that crashes is told so, and whether the request may have run.
//!     let error = counter.crash().await.expect_err("the server crashes");
//!     assert!(error.maybe_executed());
//!     Ok(())
//! })?
//! # }
//! ```
//!
//! With a name and a cookie a node joins a cluster, and nothing else changes: `CounterRef::at(COUNTER, node)` calls the
//! counter of another node, in Rust, Erlang or Elixir. From Erlang this one is `gen_server:call(counter, {add, 3})`.
//!
//! A server that is written elsewhere is described by a trait, and [`macro@client`] makes its client; [`macro@term`] says which
//! form a type has in Erlang or Elixir. `docs/elixir.md` shows both. `docs/cluster.md` goes through all that makes a node one
//! of a cluster's own: being seen, found and called, `global`, `pg`, `erpc`, TLS.
//!
//! * Messages move as they are between processes of one node, and are Erlang terms between nodes: [`Protocol`].
//! * Addresses name one process ([`Addr`]) or whoever holds a name ([`Service`]), on any node.
//! * A call has a deadline, and its error tells whether the request may have run: [`CallError::maybe_executed`].
//! * A supervisor starts, restarts and stops its children: [`Supervisor`].
//! * Each error, of the compiler and at run time, has its row in `docs/errors.md`: what it means and what to do.
//! * A process that blocks or computes for long gives that to [`blocking`], or lets others run by [`yield_now`]; one that
//!   does not is told of, and its worker's work is taken over: [`ThreadsConfig::slice_max`].
//! * What goes wrong unseen, such as crashes that a supervisor repairs, is reported by `tracing`: install a subscriber.

pub mod prelude;

#[doc(hidden)]
pub use engset_otp::__private;

/// Finding the peers of a node: lists, files, EPMD, and by cargo feature DNS, gossip and Kubernetes.
pub use engset_discover as discover;
pub use engset_macros::{client, server, term};

/// Rust values as terms and back, and the forms that Elixir and Erlang have for them; see [`macro@term`].
pub mod terms {
    pub use engset_etf::conventions::{Charlist, ImproperList, Nil, atom, charlist, nil};
    pub use engset_etf::{DeError, SerError, from_term, to_term};
}

/// Connecting, EPMD, and their errors.
pub mod net {
    pub use engset_dist::Flags;
    pub use engset_dist::connection::{IncomingConfig, OutgoingConfig, TickConfig};
    pub use engset_dist::epmd::EpmdError;
    pub use engset_dist::handshake::{HandshakeError, Step as HandshakeStep};
    pub use engset_etf::Payload;
    pub use engset_net::{
        ConnectError, HANDSHAKES_MAX, NODE_URI_SCHEME, NodeBuilder, PEM_FILE_BYTES_MAX, SetCookieError,
        SocketDirError, StartNodeError, Step, TlsConfig, TlsConfigError, TlsError, TlsFault, TlsVersion,
        epmd,
    };
    #[cfg(feature = "quic")]
    pub use engset_net::{QUIC_PROTOCOL, QuicCounts};
    pub use engset_node::{
        Abandoned, AdmissionConfig, AdmissionCounts, BadSignal, Channel, CloseReason, Dial, DialError,
        HoldsTooMuch, MonitorNodes, NameAwaited, NameForgotten, Network, Node as NodeCore, NodeConfig,
        NodeInfo, NodeType, NotAllowed, PeerCookieError, TooManyConnections, TooManyEntries, TooManyWatchers,
        WATCHERS_MAX,
    };
}

pub use engset_node::{FunctionCounts, FunctionLimits, Functions, NodeList, Raise, RemoteCall, StopWish};
/// Global names and locks: one holder for a name on all nodes of a cluster (OTP's `global`).
///
/// ```
/// use engset::prelude::*;
/// use engset::global::{GlobalError, LockId, Retries};
///
/// # fn main() -> Result<(), Exit> {
/// # let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
/// // A visible node takes part in the names of its cluster, be it of Erlang, Elixir or Engset nodes.
/// let node = Node::builder().name("names@127.0.0.1").cookie("a secret").visible(true);
/// # let node = node.epmd_tcp_port(port);
/// let node = node.start()?;
/// let global = node.global().clone();
/// node.block_on(|mut cx| async move {
///     let shop = Term::atom("shop");
///     global.register(shop.clone(), cx.pid()).await?;
///     assert_eq!(global.whereis(shop.clone()), Some(cx.pid()));
///     assert_eq!(global.register(shop.clone(), cx.pid()).await, Err(GlobalError::Taken(cx.pid())));
///
///     // Whoever holds the name gets it; in Erlang, `global:send(shop, open)`.
///     cx.send(global.at::<Term>(shop.clone()), Term::atom("open"))?;
///     assert!(matches!(cx.recv().await, Mail::Message(_)));
///
///     // One process of the cluster at a time.
///     let lock = LockId::new(Term::atom("stock"), cx.pid());
///     let counted = global.trans(&lock, None, Retries::Forever, async { 7 }).await?;
///     assert_eq!(counted, Some(7));
///     Ok(())
/// })?
/// # }
/// ```
pub mod global {
    pub use engset_node::{
        GLOBAL_LOCK_HOLDERS_MAX, GLOBAL_LOCKS_MAX, GLOBAL_NAMES_MAX, GLOBAL_NODES_MAX, GLOBAL_SYNCS_MAX,
        Global, GlobalError, GlobalLimits, GlobalName, LockId, Resolve, Retries,
    };
}

pub use engset_net::{NodeBuilder, RunningNode as Node, StartNodeError};
pub use engset_otp::{
    AutoShutdown, BackOff, CALL_TIMEOUT, Call, CallError, CallTarget, Calling, Child, ChildError, ChildId,
    ChildInfo, ChildKind, ChildSpec, ChildState, Counts, Dynamic, Factory, Info, PARTITIONS_MAX,
    PartitionSupervisor, Partitions, Reply, Restart, SHUTDOWN_TIMEOUT, Server, Shutdown, SpecError, Start,
    StartError, Starting, StopError, Strategy, Supervisor, SupervisorMsg, SupervisorRef, check_childspecs,
    gen_event, gen_statem, ignore, start, start_link, start_named, start_on, state_functions,
};
pub use engset_otp::{application, groups, io, registry, rpc, sys, task, timer};
pub use engset_process::{
    Addr, AliasMode, AliasOptions, BLOCKING_IDLE, BLOCKING_QUEUE_MAX, BLOCKING_THREADS_MAX, BUSY_WAIT,
    Behaviour, BlockingError, BlockingStats, Callback, ControlSignal, Counted, Counters, Cx, Dest, Down,
    EncodeError, Encoded, Exit, ExitReason, Identity, IntoExit, Mail, MailboxLimits, MonitorOptions, OnStuck,
    Outgoing, PROCESSES_MAX, PROCESSES_RESERVE, ProcessInfo, Processes, Protocol, Receive, ReceiveTimeout,
    RegisterError, Rejected, SLICE_MAX, SLICE_MESSAGES, SPARE_WORKERS_MAX, Scheduler, SchedulerStats, Seeded,
    Select, SendError, Service, Sleep, SpawnError, SpawnOptions, Status, Step, Stuck, StuckIn, Target,
    Threads, ThreadsConfig, Timer, TimerRef, TooManyProcesses, TraceToken, Trapped, WAITING_SENDERS_MAX,
    WORKERS_MAX, WhenFull, WorkerStats, blocking, current, current_pid, yield_now,
};
pub use engset_term::{
    Atom, AtomError, Big, Binary, BitString, Export, Float, FloatError, Instant, Integer, List, Map,
    MapError, NodeName, NodeNameError, Opaque, ParseError, ParseErrorKind, Pid, PortId, Reference,
    ReferenceError, Term, Tuple,
};

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Runs the example of a node that joins a cluster.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/cluster.md")]
struct InACluster;

/// Compiles the examples for Elixir teams.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/elixir.md")]
struct ForElixirTeams;
