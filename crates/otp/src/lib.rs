//! Manners between processes: calls, gen_server, supervisors.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod application;
mod call;
mod caught;
mod dynamic;
pub mod gen_event;
mod gen_server;
pub mod gen_statem;
pub mod groups;
pub mod io;
mod launch;
mod multi_call;
mod partition_supervisor;
pub mod proc_lib;
pub mod registry;
mod reply;
pub mod rpc;
mod slot;
mod stop;
mod supervisor;
mod sync;
pub mod sys;
pub mod task;
mod term_reply;
pub mod timer;
#[doc(hidden)]
pub mod wire;

pub use call::{CALL_TIMEOUT, Call, CallError, CallTarget, Calling};
pub use dynamic::Dynamic;
pub use gen_server::{
    Info, Server, StartError, enter_loop, start, start_link, start_monitor, start_named, start_on,
    start_within, stop,
};
pub use multi_call::{CALLS_AT_ONCE, CallSuccessors, Calls, abcast, call_again, multi_call};
pub use partition_supervisor::{PARTITIONS_MAX, PartitionSupervisor, Partitions};
pub use reply::Reply;
#[doc(hidden)]
pub use reply::{decode_fallible_reply, decode_reply};
pub use stop::StopError;
pub use supervisor::back_off::BackOff;
pub use supervisor::flags::{AutoShutdown, SpecError, check_childspecs};
pub use supervisor::restart::Strategy;
pub use supervisor::spec::{
    Child, ChildKind, Factory, Restart, SHUTDOWN_TIMEOUT, Shutdown, Start, Starting, ignore,
};
pub use supervisor::{
    ChildError, ChildId, ChildInfo, ChildSpec, ChildState, Counts, Retry, Supervisor, SupervisorMsg,
    SupervisorRef,
};
