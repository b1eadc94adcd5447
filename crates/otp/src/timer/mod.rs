//! timer: running code, sending and ending processes later or at intervals, on top of `Cx::send_after`.
//!
//! One-shot timers are the scheduler's own and belong to nobody: they outlive the process that set them. An interval is
//! a process (`interval.rs`): it watches the process for which it works, its receiver or the one that set it, and ends
//! with it. `beat.rs` decides when an interval is due.
//!
//! OTP's `timer:send_after` is [`Cx::send_after`], `timer:sleep` is [`Cx::sleep`], and `timer:hms` and its like are
//! methods of [`Duration`].

mod beat;
mod interval;

use engset_process::{
    ControlSignal, Cx, Dest, ExitReason, IntoExit, Protocol, Scheduler, SpawnOptions, Timer,
};
use std::future::Future;
use std::time::Duration;

pub use beat::{PERIOD_MIN, PeriodTooShort};
pub use interval::{Interval, IntervalError, apply_interval, apply_repeatedly, send_interval};

/// Runs `body` in a fresh process after `delay`, unless cancelled before with [`Timer::cancel`].
///
/// The timer outlives the process that set it. The fresh process is linked to nobody. When the node's process limit is
/// reached at that time, nothing runs; it is logged.
///
/// ```
/// use engset_otp::timer;
/// # use engset_process::{Identity, Processes, Scheduler};
/// use engset_process::{Cx, Mail};
/// use engset_term::Term;
/// use std::time::Duration;
///
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(1));
/// # let result = processes.block_on(
/// |mut cx: Cx<Term>| async move {
///     let me = cx.addr();
///     timer::apply_after(&cx, Duration::from_millis(50), move |cx: Cx<Term>| async move {
///         cx.send(me, Term::atom("done")).ok();
///     });
///     let mail = cx.recv().await;
///     assert!(matches!(mail, Mail::Message(done) if done.is_atom("done")));
/// }
/// # );
/// # assert_eq!(result, Ok(()));
/// ```
pub fn apply_after<M, N, B, F>(cx: &Cx<M>, delay: Duration, body: B) -> Timer
where
    M: Protocol,
    N: Protocol,
    B: FnOnce(Cx<N>) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    let processes = cx.processes().clone();
    after(cx, delay, move || {
        if let Err(error) = processes.spawn(SpawnOptions::default(), body) {
            tracing::error!("what a timer was to run did not run: {error}");
        }
    })
}

/// Sends an exit signal with `reason` after `delay`, as [`Cx::exit`] would at that time, unless cancelled before with
/// [`Timer::cancel`].
///
/// The timer outlives the process that set it, which is the sender of the signal all the same: a server that this
/// process started takes it for its parent's. (In OTP the sender is the timer server. The difference shows in a process
/// that has itself sent `normal`: here it ends.) A name is looked up at that time; where nobody holds it, or it is one
/// of another node, nothing happens.
///
/// ```
/// use engset_otp::timer;
/// # use engset_process::{Identity, Processes, Scheduler};
/// use engset_process::{Cx, ExitReason, Mail, SpawnOptions};
/// use engset_term::Term;
/// use std::time::Duration;
///
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(1));
/// # let result = processes.block_on(
/// |mut cx: Cx<Term>| async move {
///     let forever = |_: Cx<Term>| std::future::pending::<()>();
///     let (child, _) = cx.spawn_monitor(SpawnOptions::default(), forever).expect("there is room");
///     timer::exit_after(&cx, Duration::from_secs(1), child, ExitReason::Shutdown);
///     let Mail::Down(down) = cx.recv().await else { panic!("the child ends") };
///     assert_eq!(down.reason, ExitReason::Shutdown);
/// }
/// # );
/// # assert_eq!(result, Ok(()));
/// ```
pub fn exit_after<M: Protocol>(
    cx: &Cx<M>,
    delay: Duration,
    to: impl Into<Dest>,
    reason: ExitReason,
) -> Timer {
    let processes = cx.processes().clone();
    let (from, to) = (cx.pid(), to.into());
    after(cx, delay, move || {
        processes.signal(from, &to, ControlSignal::Exit { from, reason });
    })
}

/// Kills a process after `delay`, unless cancelled before: [`exit_after`] with [`ExitReason::Kill`].
pub fn kill_after<M: Protocol>(cx: &Cx<M>, delay: Duration, to: impl Into<Dest>) -> Timer {
    exit_after(cx, delay, to, ExitReason::Kill)
}

/// Awaits `future`, and tells how long that took by the clock of `scheduler`: of the system, or virtual.
///
/// A panic passes through. Dropping it drops `future`.
///
/// ```
/// use engset_otp::timer;
/// # use engset_process::{Identity, Processes, Scheduler};
/// use engset_process::Cx;
/// use engset_term::Term;
/// use std::time::Duration;
///
/// # let node = engset_term::NodeName::NONODE;
/// # let identity = Identity { node, creation: 1, processes_max: 100, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(1));
/// # let result = processes.block_on(
/// |mut cx: Cx<Term>| async move {
///     let clock = cx.processes().scheduler().clone();
///     let (took, mail) = timer::tc(&clock, cx.recv_timeout(Duration::from_millis(500))).await;
///     assert!(took >= Duration::from_millis(500) && mail.is_none());
/// }
/// # );
/// # assert_eq!(result, Ok(()));
/// ```
pub async fn tc<F: Future>(scheduler: &Scheduler, future: F) -> (Duration, F::Output) {
    let before = scheduler.now();
    let value = future.await;
    (scheduler.now().saturating_duration_since(before), value)
}

fn after<M: Protocol>(cx: &Cx<M>, delay: Duration, action: impl FnOnce() + Send + 'static) -> Timer {
    let scheduler = cx.processes().scheduler();
    scheduler.run_at(scheduler.now().saturating_add(delay), action)
}
