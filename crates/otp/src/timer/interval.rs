//! The process of one interval: does its task at each due time until it is cancelled or whom it works for has ended.
//!
//! Messages: [`Stop`] comes from [`Interval::cancel`]. The process monitors its receiver, or the process that set it,
//! and ends at the DOWN; one that ended before the monitor was made gives a DOWN too. `apply_repeatedly` monitors what
//! it runs and waits for that DOWN before it looks at the clock again. Race: a due time against a cancel. Both take the
//! switch's lock, so nothing is sent or started after `cancel` has returned.

use super::beat::{Beat, PeriodTooShort};
use engset_process::{Addr, Cx, Dest, Down, IntoExit, Mail, Processes, Protocol, SpawnError, SpawnOptions};
use engset_term::Reference;
use parking_lot::Mutex;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A running interval. Dropping it does not end it.
pub struct Interval {
    processes: Arc<Processes>,
    process: Addr<Stop>,
    switch: Switch,
}

/// An interval could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntervalError {
    /// Its period is too short: ask for a longer one.
    Period(PeriodTooShort),
    /// Its process was not started: the node's process limit is reached.
    Spawn(SpawnError),
}

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no interval was started: ")?;
        match self {
            Self::Period(error) => fmt::Display::fmt(error, f),
            Self::Spawn(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for IntervalError {}

impl Interval {
    /// Ends the interval; false where it had ended. Once this has returned, nothing more is sent or started.
    ///
    /// What was sent before may still be on its way or in the receiver's mailbox, and what was started runs on.
    pub fn cancel(&self) -> bool {
        let was_on = self.switch.off();
        if was_on {
            // One that has just ended needs not be told.
            drop(self.processes.send(self.process.pid(), &self.process.into(), Stop));
        }
        was_on
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval").field("process", &self.process.pid()).finish_non_exhaustive()
    }
}

/// Sends what `make` returns to `to`, each time one `period` after the last, the first time one period from now.
///
/// It ends when it is cancelled, or the receiver ends: the process that `to` names now, on any node. Where there is none
/// now, nothing is sent at all. Messages to a name go to whoever holds it at the time; where nobody does they are dropped
/// and counted. A late message does not delay those after it, and none is left out.
///
/// # Errors
/// [`IntervalError`] when the period is below [`super::PERIOD_MIN`] or the process limit is reached.
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
///     let tick = || Term::atom("tick");
///     let ticks = timer::send_interval(&cx, Duration::from_secs(1), cx.pid(), tick)?;
///     for _ in 0..3 {
///         let mail = cx.recv().await;
///         assert!(matches!(mail, Mail::Message(tick) if tick.is_atom("tick")));
///     }
///     assert!(ticks.cancel());
///     Ok::<(), timer::IntervalError>(())
/// }
/// # );
/// # assert_eq!(result, Ok(Ok(())));
/// ```
pub fn send_interval<M, N, B>(
    cx: &Cx<M>,
    period: Duration,
    to: impl Into<Dest>,
    make: B,
) -> Result<Interval, IntervalError>
where
    M: Protocol,
    N: Protocol,
    B: FnMut() -> N + Send + 'static,
{
    let to = to.into();
    start(cx, period, to.clone(), Sending { to, make })
}

/// Runs `body` in a fresh process, each time one `period` after the last, the first time one period from now, whether
/// or not those before have ended.
///
/// It ends when it is cancelled, or the process that set it ends; what it started runs on. When the node's process limit
/// is reached at a due time, nothing runs that time; it is logged. Where runs take longer than the period on average
/// ever more run side by side: see [`apply_repeatedly`].
///
/// # Errors
/// [`IntervalError`] when the period is below [`super::PERIOD_MIN`] or the process limit is reached.
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
///     let check = move |cx: Cx<Term>| async move { drop(cx.send(me, Term::Pid(cx.pid()))) };
///     timer::apply_interval(&cx, Duration::from_secs(1), check)?;
///     let Mail::Message(first) = cx.recv().await else { panic!("a message") };
///     let Mail::Message(second) = cx.recv().await else { panic!("a message") };
///     assert_ne!(first, second, "each runs in a process of its own");
///     Ok::<(), timer::IntervalError>(())
/// }
/// # );
/// # assert_eq!(result, Ok(Ok(())));
/// ```
pub fn apply_interval<M, N, B, F>(cx: &Cx<M>, period: Duration, body: B) -> Result<Interval, IntervalError>
where
    M: Protocol,
    N: Protocol,
    B: Fn(Cx<N>) -> F + Send + Sync + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    start(cx, period, cx.pid().into(), Applying::new(body, false))
}

/// Like [`apply_interval`], but waits for the end of each run before it starts the next.
///
/// A run that takes longer than the period makes the next ones late, not fewer: they follow one another until those that
/// were due are made up for.
///
/// # Errors
/// [`IntervalError`] when the period is below [`super::PERIOD_MIN`] or the process limit is reached.
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
///     let slow = move |cx: Cx<Term>| async move {
///         cx.sleep(Duration::from_millis(25)).await;
///         cx.send(me, Term::Nil).ok();
///     };
///     timer::apply_repeatedly(&cx, Duration::from_millis(10), slow)?;
///     cx.recv().await;
///     cx.recv().await;
///     // Begun at 10 ms and 35 ms.
///     assert_eq!(cx.processes().scheduler().now().as_millis(), 60);
///     Ok::<(), timer::IntervalError>(())
/// }
/// # );
/// # assert_eq!(result, Ok(Ok(())));
/// ```
pub fn apply_repeatedly<M, N, B, F>(cx: &Cx<M>, period: Duration, body: B) -> Result<Interval, IntervalError>
where
    M: Protocol,
    N: Protocol,
    B: Fn(Cx<N>) -> F + Send + Sync + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    start(cx, period, cx.pid().into(), Applying::new(body, true))
}

fn start<M: Protocol>(
    cx: &Cx<M>,
    period: Duration,
    works_for: Dest,
    task: impl Task,
) -> Result<Interval, IntervalError> {
    let processes = cx.processes().clone();
    let beat = Beat::begin(processes.scheduler().now(), period).map_err(IntervalError::Period)?;
    let switch = Switch::new();
    let running = Running(switch.clone());
    let life = move |cx: Cx<Stop>| run(cx, beat, works_for, task, running);
    let process = processes.spawn(SpawnOptions::default(), life).map_err(IntervalError::Spawn)?;
    Ok(Interval { processes, process, switch })
}

/// The life of an interval's process.
async fn run(mut cx: Cx<Stop>, mut beat: Beat, works_for: Dest, mut task: impl Task, running: Running) {
    let watch = cx.monitor(works_for);
    loop {
        let wait = beat.wait(cx.processes().scheduler().now());
        if wait.is_zero() {
            yield_now().await;
        }
        match cx.recv_timeout(wait).await {
            Some(mail) if ends(&mail, watch) => return,
            Some(_) => continue,
            None => {}
        }
        if let Some(work) = task.perform(&mut cx, &running.0) {
            let done = cx.receive(|mail| match mail {
                Mail::Down(down) if down.reference == work => Ok(true),
                mail if ends(&mail, watch) => Ok(false),
                mail => Err(mail),
            });
            if !done.await {
                return;
            }
        }
        if !beat.advance() {
            return;
        }
    }
}

/// Whether the interval ends: it is cancelled, or whom it works for has ended.
fn ends(mail: &Mail<Stop>, watch: Reference) -> bool {
    match mail {
        Mail::Message(Stop) => true,
        Mail::Down(down) => matches!(**down, Down { reference, .. } if reference == watch),
        Mail::Exit(_) | Mail::Other(_) => false,
    }
}

/// Lets others run: an interval that is late must not keep a worker to itself.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|task| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What an interval does at each due time.
trait Task: Send + 'static {
    /// Does it if the interval is on; a monitor of what must have ended before the next time.
    fn perform(&mut self, cx: &mut Cx<Stop>, switch: &Switch) -> Option<Reference>;
}

struct Sending<B> {
    to: Dest,
    make: B,
}

impl<N: Protocol, B: FnMut() -> N + Send + 'static> Task for Sending<B> {
    fn perform(&mut self, cx: &mut Cx<Stop>, switch: &Switch) -> Option<Reference> {
        let message = (self.make)();
        // Whatever is left of the message is dropped after the lock.
        if let Some(Err(error)) = switch.if_on(|| cx.send(self.to.clone(), message)) {
            cx.processes().count_dropped();
            tracing::debug!(pid = %cx.pid(), to = ?self.to, "an interval's message was not sent: {error}");
        }
        None
    }
}

struct Applying<B, N> {
    body: Arc<B>,
    one_by_one: bool,
    protocol: std::marker::PhantomData<fn(N)>,
}

impl<B, N> Applying<B, N> {
    fn new(body: B, one_by_one: bool) -> Self {
        Self { body: Arc::new(body), one_by_one, protocol: std::marker::PhantomData }
    }
}

impl<N, B, F> Task for Applying<B, N>
where
    N: Protocol,
    B: Fn(Cx<N>) -> F + Send + Sync + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    fn perform(&mut self, cx: &mut Cx<Stop>, switch: &Switch) -> Option<Reference> {
        let body = Arc::clone(&self.body);
        let life = move |cx: Cx<N>| body(cx);
        let started = switch.if_on(|| {
            if self.one_by_one {
                cx.spawn_monitor(SpawnOptions::default(), life).map(|(_, work)| Some(work))
            } else {
                cx.spawn(life).map(|_| None)
            }
        });
        match started? {
            Ok(work) => work,
            Err(error) => {
                tracing::error!(pid = %cx.pid(), "what an interval was to run did not run: {error}");
                None
            }
        }
    }
}

/// What an interval's process understands.
struct Stop;

#[diagnostic::do_not_recommend]
impl Protocol for Stop {}

/// Whether an interval goes on, shared by its process and its [`Interval`].
#[derive(Clone)]
struct Switch(Arc<Mutex<bool>>);

impl Switch {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(true)))
    }

    /// Switches it off; whether it was on.
    fn off(&self) -> bool {
        std::mem::replace(&mut *self.0.lock(), false)
    }

    /// Does `action` if it is on; nobody switches it off meanwhile.
    fn if_on<T>(&self, action: impl FnOnce() -> T) -> Option<T> {
        let on = self.0.lock();
        if !*on {
            return None;
        }
        Some(action())
    }
}

/// Held by the interval's process: off when that ends, however it does.
struct Running(Switch);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.off();
    }
}
