//! Starting and stopping servers.

use super::serve::serve;
use super::{Server, StartError, Started};
use crate::launch;
use crate::stop::{self, StopError};
use engset_process::{Addr, Cx, ExitReason, Processes, Protocol, SpawnError, Target, current};
use engset_term::{Atom, Pid, Reference};
use std::sync::Arc;
use std::time::Duration;

/// Starts a server that nothing is linked to, from inside a node.
///
/// # Errors
/// [`StartError`] when it was not spawned or its `init` failed; it is gone then.
pub async fn start<S: Server>(server: S) -> Result<S::Ref, StartError> {
    start_named(None, server).await
}

/// Like [`start`], registered as `name` before its `init` runs.
///
/// # Errors
/// [`StartError`] when the name is taken, it was not spawned, or its `init` failed.
pub async fn start_named<S: Server>(name: Option<Atom>, server: S) -> Result<S::Ref, StartError> {
    let (processes, _) = current().ok_or(StartError::Spawn(SpawnError::OutsideNode))?;
    start_on(&processes, name, server).await
}

/// Like [`start_named`], on the node of `processes`.
///
/// # Errors
/// [`StartError`] when the name is taken, it was not spawned, or its `init` failed.
pub async fn start_on<S: Server>(
    processes: &Arc<Processes>,
    name: Option<Atom>,
    server: S,
) -> Result<S::Ref, StartError> {
    let (started, starting) = Started::new();
    let addr = processes
        .spawn(launch::of::<S>(name), move |cx| serve(server, cx, None, Some(starting)))
        .map_err(StartError::Spawn)?;
    started.wait_for(addr.pid()).await?;
    Ok(S::Ref::from(addr))
}

/// Starts a server linked to the running process.
///
/// # Errors
/// [`StartError`] as for [`start_named`]. When `init` fails, the link's exit signal comes too.
pub async fn start_link<M: Protocol, S: Server>(
    parent: &mut Cx<M>,
    name: Option<Atom>,
    server: S,
) -> Result<S::Ref, StartError> {
    start_link_addr(parent, name, server).await.map(S::Ref::from)
}

pub(crate) async fn start_link_addr<M: Protocol, S: Server>(
    parent: &mut Cx<M>,
    name: Option<Atom>,
    server: S,
) -> Result<Addr<S::Msg>, StartError> {
    let (started, starting) = Started::new();
    let parent_pid = parent.pid();
    let addr = parent
        .spawn_link(launch::of::<S>(name), move |cx| serve(server, cx, Some(parent_pid), Some(starting)))
        .map_err(StartError::Spawn)?;
    started.wait_for(addr.pid()).await?;
    Ok(addr)
}

/// Like [`start_on`], but kills a server whose `init` takes longer than `patience`.
///
/// # Errors
/// [`StartError`] as for [`start_on`]; [`StartError::Init`] with `timeout` when it took too long. It is gone then.
pub async fn start_within<S: Server>(
    processes: &Arc<Processes>,
    patience: Duration,
    name: Option<Atom>,
    server: S,
) -> Result<S::Ref, StartError> {
    let body = |cx, parent, starting| serve(server, cx, parent, Some(starting));
    launch::start_within(processes, patience, launch::of::<S>(name), body).await.map(S::Ref::from)
}

/// Starts a server that the running process monitors from its first moment.
///
/// # Errors
/// [`StartError`] as for [`start_named`]. When `init` fails, no [`engset_process::Down`] comes.
pub async fn start_monitor<M: Protocol, S: Server>(
    watcher: &mut Cx<M>,
    name: Option<Atom>,
    server: S,
) -> Result<(S::Ref, Reference), StartError> {
    let body = |cx, parent, starting| serve(server, cx, parent, Some(starting));
    let (addr, reference) = launch::start_monitor(watcher, launch::of::<S>(name), body).await?;
    Ok((S::Ref::from(addr), reference))
}

/// Makes the running process a server; what it returns is the reason with which the process must end.
///
/// `init` does not run. A `parent` that ends, ends the server as it would one that [`start_link`] started.
///
/// ```
/// use engset_otp::{Server, enter_loop};
/// use engset_process::{Cx, ExitReason};
///
/// async fn body<S: Server>(server: S, cx: Cx<S::Msg>) -> ExitReason {
///     // Whatever must be done before comes here.
///     enter_loop(server, cx, None).await
/// }
/// ```
pub async fn enter_loop<S: Server>(server: S, cx: Cx<S::Msg>, parent: Option<Pid>) -> ExitReason {
    serve(server, cx, parent, None).await
}

/// Lets a process of any behaviour end with `reason`, after its `terminate`, and waits for its end for `timeout` at
/// most (OTP's `gen_server:stop/3`). It may be on another node, and on the BEAM.
///
/// Dropping it while it waits takes nothing back: the process has been asked.
///
/// ```
/// use engset_otp::{Server, start, stop};
/// use engset_process::{Addr, ExitReason};
/// use std::time::Duration;
/// # use engset_process::{Cx, Exit, Identity, Processes, Protocol, Scheduler};
/// # struct Job;
/// # enum Nothing {}
/// # impl Protocol for Nothing {}
/// # impl Server for Job {
/// #     type Msg = Nothing;
/// #     type Ref = Addr<Nothing>;
/// #     async fn handle(&mut self, message: Nothing, _cx: &mut Cx<Nothing>) -> Result<(), Exit> {
/// #         match message {}
/// #     }
/// # }
/// # let identity = Identity { node: engset_term::NodeName::NONODE, creation: 1, processes_max: 9, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(1));
/// # processes.block_on(|_cx: Cx<engset_term::Term>| async move {
/// let job = start(Job).await.expect("there is room");
/// assert_eq!(stop(&job, ExitReason::Normal, Duration::from_secs(5)).await, Ok(()));
/// # }).unwrap();
/// ```
///
/// # Errors
/// [`StopError`] when it did not end in time, ended for another reason, or is not there.
pub async fn stop<P: Protocol>(
    server: &impl Target<P>,
    reason: ExitReason,
    timeout: Duration,
) -> Result<(), StopError> {
    stop::stop(server, reason, timeout).await
}
