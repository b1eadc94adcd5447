//! Starting and stopping state machines.

use super::run::{run, serve};
use super::{Beginning, StateMachine, Step};
use crate::gen_server::StartError;
use crate::launch;
use crate::stop::{self, StopError};
use crate::supervisor::spec::Child;
use engset_process::{Addr, Cx, ExitReason, Processes, Protocol, Target};
use engset_term::{Atom, Pid, Reference};
use std::sync::Arc;
use std::time::Duration;

/// Starts a state machine that nothing is linked to, from inside a node.
///
/// # Errors
/// [`StartError`] when it was not spawned or its `init` failed; it is gone then.
pub async fn start<M: StateMachine>(machine: M) -> Result<Addr<M::Msg>, StartError> {
    start_named(None, machine).await
}

/// Like [`start`], registered as `name` before its `init` runs.
///
/// # Errors
/// [`StartError`] when the name is taken, it was not spawned, or its `init` failed.
pub async fn start_named<M: StateMachine>(
    name: Option<Atom>,
    machine: M,
) -> Result<Addr<M::Msg>, StartError> {
    launch::start(launch::of::<M>(name), |cx, parent, starting| run(machine, cx, parent, starting)).await
}

/// Like [`start_named`], on the node of `processes`.
///
/// # Errors
/// [`StartError`] when the name is taken, it was not spawned, or its `init` failed.
pub async fn start_on<M: StateMachine>(
    processes: &Arc<Processes>,
    name: Option<Atom>,
    machine: M,
) -> Result<Addr<M::Msg>, StartError> {
    let body = |cx, parent, starting| run(machine, cx, parent, starting);
    launch::start_on(processes, launch::of::<M>(name), body).await
}

/// Like [`start_on`], but kills a machine whose `init` takes longer than `patience`.
///
/// # Errors
/// [`StartError`] as for [`start_on`]; [`StartError::Init`] with `timeout` when it took too long. It is gone then.
pub async fn start_within<M: StateMachine>(
    processes: &Arc<Processes>,
    patience: Duration,
    name: Option<Atom>,
    machine: M,
) -> Result<Addr<M::Msg>, StartError> {
    let body = |cx, parent, starting| run(machine, cx, parent, starting);
    launch::start_within(processes, patience, launch::of::<M>(name), body).await
}

/// Starts a state machine linked to the running process.
///
/// # Errors
/// [`StartError`] as for [`start_named`]. When `init` fails, the link's exit signal comes too.
pub async fn start_link<P: Protocol, M: StateMachine>(
    parent: &mut Cx<P>,
    name: Option<Atom>,
    machine: M,
) -> Result<Addr<M::Msg>, StartError> {
    let body = |cx, parent, starting| run(machine, cx, parent, starting);
    launch::start_link(parent, launch::of::<M>(name), body).await
}

/// Starts a state machine that the running process monitors from its first moment.
///
/// # Errors
/// [`StartError`] as for [`start_named`]. When `init` fails, no [`engset_process::Down`] comes.
pub async fn start_monitor<P: Protocol, M: StateMachine>(
    watcher: &mut Cx<P>,
    name: Option<Atom>,
    machine: M,
) -> Result<(Addr<M::Msg>, Reference), StartError> {
    let body = |cx, parent, starting| run(machine, cx, parent, starting);
    launch::start_monitor(watcher, launch::of::<M>(name), body).await
}

/// Makes the running process a state machine; what it returns is the reason with which the process must end.
///
/// `first` is what `init` would return; `init` does not run. A `parent` that ends, ends the machine as it would one
/// that [`start_link`] started.
///
/// ```
/// use engset_otp::gen_statem::{self, StateMachine, Step};
/// use engset_process::{Cx, ExitReason};
///
/// async fn body<M: StateMachine>(machine: M, state: M::State, mut cx: Cx<M::Msg>) -> ExitReason {
///     // Whatever must be done before comes here.
///     gen_statem::enter_loop(machine, Step::next(state), &mut cx, None).await
/// }
/// ```
pub async fn enter_loop<M: StateMachine>(
    machine: M,
    first: Step<M, Beginning>,
    cx: &mut Cx<M::Msg>,
    parent: Option<Pid>,
) -> ExitReason {
    serve(machine, first, cx, parent).await
}

/// A state machine as a supervisor's child, made anew by `make` for each start.
///
/// ```
/// use engset_otp::gen_statem::{self, StateMachine};
/// use engset_otp::{Restart, Supervisor};
///
/// fn shop<M: StateMachine + Default>() -> Supervisor {
///     Supervisor::one_for_one().child(gen_statem::child("till", M::default).restart(Restart::Transient))
/// }
/// ```
pub fn child<M: StateMachine>(id: &str, make: impl Fn() -> M + Send + Sync + 'static) -> Child {
    child_as(id, None, make)
}

/// A state machine as a supervisor's child that is registered as `name`, so that its successors are found under it.
pub fn named_child<M: StateMachine>(name: Atom, make: impl Fn() -> M + Send + Sync + 'static) -> Child {
    let id = name.as_str().to_owned();
    child_as(&id, Some(name), make)
}

fn child_as<M: StateMachine>(
    id: &str,
    name: Option<Atom>,
    make: impl Fn() -> M + Send + Sync + 'static,
) -> Child {
    Child::by(id, move |supervisor| {
        let (machine, name) = (make(), name.clone());
        Box::pin(async move { start_link(supervisor, name, machine).await.map(|addr| addr.pid()) })
    })
}

/// Lets a state machine end with `reason`, after `terminate`, and waits for its end for `timeout` at most.
///
/// It ends when it has served what came before. The machine may be on another node, and written in Erlang or Elixir.
/// Dropping this while it waits takes nothing back: the machine has been asked.
///
/// ```
/// use engset_otp::gen_statem;
/// use engset_otp::StopError;
/// use engset_process::{Addr, ExitReason, Protocol};
/// use std::time::Duration;
///
/// async fn close<P: Protocol>(door: &Addr<P>) -> Result<(), StopError> {
///     gen_statem::stop(door, ExitReason::Normal, Duration::from_secs(5)).await
/// }
/// ```
///
/// # Errors
/// [`StopError`] when there is no such machine, or it has not ended, or it ended with another reason.
pub async fn stop<P: Protocol>(
    machine: &impl Target<P>,
    reason: ExitReason,
    timeout: Duration,
) -> Result<(), StopError> {
    stop::stop(machine, reason, timeout).await
}
