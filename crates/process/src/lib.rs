//! Processes: who says and hears. Signals, mailboxes, links, monitors, and what runs them.
//!
//! A process is a future with a mailbox. It hears of others by messages and by signals: links, monitors and exits.
//!
//! ```
//! use engset_process::{Cx, ExitReason, Identity, Mail, Processes, Protocol, Scheduler, SpawnOptions};
//! use engset_term::{NodeName, Term};
//!
//! enum Greeting {
//!     Hello(String),
//! }
//! impl Protocol for Greeting {}
//!
//! // One thread, an order drawn from a seed, virtual time. `Scheduler::threads(2)` is for real life.
//! let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! let processes = Processes::new(identity, Scheduler::seeded(7));
//! let heard = processes.block_on(|mut cx: Cx<Term>| async move {
//!     let options = SpawnOptions::default();
//!     let (greeter, watch) = cx
//!         .spawn_monitor(options, |mut cx: Cx<Greeting>| async move {
//!             match cx.recv().await {
//!                 Mail::Message(Greeting::Hello(name)) => ExitReason::from_term(Term::string(&name)),
//!                 _ => ExitReason::Normal,
//!             }
//!         })
//!         .expect("there is room for a process");
//!     cx.send(greeter, Greeting::Hello("world".to_owned())).expect("the greeter lives");
//!     match cx.recv().await {
//!         Mail::Down(down) if down.reference == watch => down.reason.to_term(),
//!         _ => Term::Nil,
//!     }
//! });
//! assert_eq!(heard, Ok(Term::string("world")));
//! ```

mod action;
mod addr;
mod alias;
mod block_on;
mod blocking;
mod carried;
mod cells;
mod chunks;
mod context;
mod context_own;
mod counters;
mod crash;
mod current;
mod exit;
mod home;
mod info;
mod lock;
mod mailbox;
mod overload;
mod panics;
mod process;
mod processes;
mod protocol;
mod receive;
mod registry;
mod router;
mod scheduler;
mod send_after;
mod signal;
mod small_map;
mod state;
mod sync;
mod table;
mod task;
mod timer;
mod trace_token;
mod traced;
mod wait;
#[cfg(test)]
mod waiting_tests;
mod waits;
mod wheel;

pub use addr::{Addr, Service, Target};
pub use alias::{AliasMode, AliasOptions, Aliases, ReplySink};
pub use block_on::BlockOnError;
pub use blocking::{blocking, yield_now};
pub use context::Cx;
pub use context_own::MonitorOptions;
pub use counters::{Counted, Counters};
pub use crash::{CrashDetails, describe_crash};
pub use current::{
    current, current_pid, deadline, dying, gives_answer, hand_over, now, send, set_deadline, whereis,
};
pub use exit::{Exit, ExitReason, IntoExit};
pub use info::{Behaviour, Callback, ProcessInfo, Status};
pub use overload::{APART_BYTES_MAX, MailboxLimits, WAITING_SENDERS_MAX, WhenFull};
pub use process::SLICE_MESSAGES;
pub use processes::{
    Identity, PROCESSES_MAX, PROCESSES_RESERVE, Processes, SpawnError, SpawnOptions, SpawnedFor,
};
pub use protocol::{EncodeError, Mail, Outgoing, Protocol, Rejected, SendError};
pub use receive::{AnyMail, Receive, ReceiveTimeout, Select};
pub use registry::RegisterError;
pub use router::Router;
pub use scheduler::{
    BLOCKING_IDLE, BLOCKING_QUEUE_MAX, BLOCKING_THREADS_MAX, BUSY_WAIT, BlockingError, BlockingStats,
    OnStuck, SLICE_MAX, SPARE_WORKERS_MAX, Scheduler, SchedulerStats, Seeded, Sleep, Step, Stuck, StuckIn,
    Threads, ThreadsConfig, Timer, WORKERS_MAX, WorkerStats,
};
pub use send_after::TimerRef;
pub use signal::{ControlSignal, Dest, Down, Encoded, Epoch, Mark, SpawnRequest, Trapped};
pub use table::TooManyProcesses;
pub use trace_token::TraceToken;
pub use wait::{
    CALL_CHAIN_MAX, Request, Unsent, Wait, call_begins, caller, request_begins, request_begins_from,
    send_request,
};
