//! Processes: who says and hears. Signals, mailboxes, links, monitors, and what runs them.

mod addr;
mod alias;
mod context;
mod counters;
mod current;
mod exit;
mod mailbox;
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
mod state;
mod table;
mod timer;

pub use addr::{Addr, Service, Target};
pub use alias::{Aliases, ReplySink};
pub use context::Cx;
pub use counters::{Counted, Counters};
pub use current::{current, deadline, dying, set_deadline};
pub use exit::{Exit, ExitReason, IntoExit};
pub use process::ProcessInfo;
pub use processes::{Identity, PROCESSES_MAX, Processes, SpawnError, SpawnOptions};
pub use protocol::{EncodeError, Mail, Outgoing, Protocol, Rejected, SendError};
pub use receive::{Receive, ReceiveTimeout};
pub use registry::RegisterError;
pub use router::Router;
pub use scheduler::{Scheduler, Seeded, Sleep, Step, Threads, Timer};
pub use send_after::TimerRef;
pub use signal::{ControlSignal, Dest, Down, Encoded, Trapped};
pub use table::TooManyProcesses;
