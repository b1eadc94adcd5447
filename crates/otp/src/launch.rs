//! Starts the process of a behaviour and waits until its `init` is done.
//!
//! Races: a process whose `init` takes too long is killed, and its starter waits until that has happened.

use crate::gen_server::{StartError, Started, Starting};
use engset_process::{
    Addr, ControlSignal, Cx, Dest, ExitReason, IntoExit, Processes, Protocol, SpawnError, SpawnOptions,
    current,
};
use engset_term::{Atom, Pid, Reference, Term};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How a process is spawned that is to have this name, and to be seen as a `T`.
pub(crate) fn of<T>(name: Option<Atom>) -> SpawnOptions {
    SpawnOptions { name, initial_call: Some(std::any::type_name::<T>), ..SpawnOptions::default() }
}

/// A process that nothing is linked to, on the node of the running process.
pub(crate) async fn start<M, B, F>(options: SpawnOptions, body: B) -> Result<Addr<M>, StartError>
where
    M: Protocol,
    B: FnOnce(Cx<M>, Option<Pid>, Starting) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (processes, _) = current().ok_or(StartError::Spawn(SpawnError::OutsideNode))?;
    start_on(&processes, options, body).await
}

pub(crate) async fn start_on<M, B, F>(
    processes: &Arc<Processes>,
    options: SpawnOptions,
    body: B,
) -> Result<Addr<M>, StartError>
where
    M: Protocol,
    B: FnOnce(Cx<M>, Option<Pid>, Starting) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (started, starting) = Started::new();
    let addr = processes.spawn(options, move |cx| body(cx, None, starting)).map_err(StartError::Spawn)?;
    started.wait_for(addr.pid()).await?;
    Ok(addr)
}

/// Like [`start_on`], but kills a process whose `init` takes longer than `patience`.
pub(crate) async fn start_within<M, B, F>(
    processes: &Arc<Processes>,
    patience: Duration,
    options: SpawnOptions,
    body: B,
) -> Result<Addr<M>, StartError>
where
    M: Protocol,
    B: FnOnce(Cx<M>, Option<Pid>, Starting) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (started, starting) = Started::new();
    let addr = processes.spawn(options, move |cx| body(cx, None, starting)).map_err(StartError::Spawn)?;
    match init_within(processes, addr.pid(), &started, patience).await {
        Some(result) => result.map(|()| addr),
        None => Err(kill_slow(processes, addr.pid(), &started).await),
    }
}

/// The result of the `init` of a process, if it is done within `patience`.
pub(crate) async fn init_within(
    processes: &Processes,
    pid: Pid,
    started: &Started,
    patience: Duration,
) -> Option<Result<(), StartError>> {
    let mut init = pin!(started.wait_for(pid));
    let mut alarm = pin!(processes.scheduler().sleep(patience));
    poll_fn(|task| match init.as_mut().poll(task) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => alarm.as_mut().poll(task).map(|()| None),
    })
    .await
}

/// Kills a process whose `init` takes too long.
pub(crate) async fn kill_slow(processes: &Processes, pid: Pid, started: &Started) -> StartError {
    let from = current().map_or(pid, |(_, me)| me);
    let kill = ControlSignal::Exit { from, reason: ExitReason::Kill };
    processes.signal(from, &Dest::Pid(pid), kill);
    // Its end is what is awaited: an `init` that is done after all comes too late.
    drop(started.wait().await);
    StartError::Init(ExitReason::from_term(Term::atom("timeout")))
}

/// A process that is linked to the running one.
pub(crate) async fn start_link<N, M, B, F>(
    parent: &mut Cx<N>,
    options: SpawnOptions,
    body: B,
) -> Result<Addr<M>, StartError>
where
    N: Protocol,
    M: Protocol,
    B: FnOnce(Cx<M>, Option<Pid>, Starting) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (started, starting) = Started::new();
    let me = parent.pid();
    let addr =
        parent.spawn_link(options, move |cx| body(cx, Some(me), starting)).map_err(StartError::Spawn)?;
    started.wait_for(addr.pid()).await?;
    Ok(addr)
}

/// A process that the running one monitors. When its `init` fails, the monitor is taken back.
pub(crate) async fn start_monitor<N, M, B, F>(
    watcher: &mut Cx<N>,
    options: SpawnOptions,
    body: B,
) -> Result<(Addr<M>, Reference), StartError>
where
    N: Protocol,
    M: Protocol,
    B: FnOnce(Cx<M>, Option<Pid>, Starting) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let (started, starting) = Started::new();
    let (addr, monitor) =
        watcher.spawn_monitor(options, move |cx| body(cx, None, starting)).map_err(StartError::Spawn)?;
    if let Err(error) = started.wait_for(addr.pid()).await {
        watcher.demonitor(monitor);
        return Err(error);
    }
    Ok((addr, monitor))
}
