//! What a process does about code that blocks or computes for long: gives it to a thread that may.

use crate::context::Cx;
use crate::current::current;
use crate::protocol::Protocol;
use crate::scheduler::BlockingError;
use std::future::poll_fn;
use std::task::Poll;

/// Runs `work` on a thread on which it may block, and waits for its result: for calls of the operating system, of
/// libraries that know no `async`, and for long computations. The process receives nothing meanwhile, unless it awaits
/// this beside a receive.
///
/// The threads belong to the scheduler: at most [`crate::BLOCKING_THREADS_MAX`], started when needed; at most
/// [`crate::BLOCKING_QUEUE_MAX`] pieces of work wait for one, in order. Both can be set when the scheduler is made.
/// In `work` no process is the running one: [`crate::current`] is `None`. Under a seeded scheduler it runs at once, on
/// the only thread, and takes no virtual time.
///
/// Cancellation: when the returned future is dropped, or the process ends, work that has not begun is not run; what has
/// begun runs to its end, since nothing can stop it, and its result is dropped on its thread. A shutdown of the
/// scheduler does not wait for it either.
///
/// # Errors
/// [`BlockingError`]; in all its cases but [`BlockingError::Panicked`] the work certainly did not run.
///
/// ```
/// use engset_process::{BlockingError, Cx, Scheduler, blocking};
/// # use engset_process::{Identity, Processes};
/// use engset_term::Term;
/// # let identity = Identity { node: engset_term::NodeName::NONODE, creation: 1, processes_max: 9, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(1));
/// # processes.block_on(|_: Cx<Term>| async move {
/// let primes = blocking(|| (2..10_000_u32).filter(|n| (2..*n).all(|d| n % d != 0)).count()).await;
/// assert_eq!(primes, Ok(1_229));
/// let failed = blocking(|| -> u8 { panic!("no disk") }).await;
/// assert!(matches!(failed, Err(BlockingError::Panicked(_))));
/// # }).unwrap();
/// ```
pub async fn blocking<T, F>(work: F) -> Result<T, BlockingError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let Some((processes, _)) = current() else { return Err(BlockingError::OutsideNode) };
    let work = processes.scheduler().blocking(work);
    drop(processes);
    work.await
}

/// Lets others run first (OTP's `erlang:yield/0`): the process goes behind all that are ready on its worker. Under a
/// seeded scheduler it is one of those that are ready, and the seed chooses among them.
///
/// Cancel-safe. Outside of a process it works in any task.
///
/// ```
/// use engset_process::{Cx, Scheduler, yield_now};
/// # use engset_process::{Identity, Processes};
/// use engset_term::Term;
/// # let identity = Identity { node: engset_term::NodeName::NONODE, creation: 1, processes_max: 9, salt: 1 };
/// # let processes = Processes::new(identity, Scheduler::seeded(1));
/// # processes.block_on(|_: Cx<Term>| async move {
/// for step in 0..1_000_000_u64 {
///     if step % 100_000 == 0 {
///         yield_now().await;
///     }
/// }
/// # }).unwrap();
/// ```
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|task| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<M: Protocol> Cx<M> {
    /// Runs `work` on a thread on which it may block, and waits for its result: [`blocking`] with the same limits and
    /// the same cancellation.
    ///
    /// # Errors
    /// [`BlockingError`] as of [`blocking`].
    pub fn blocking<T, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, BlockingError>> + Send + use<M, T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.processes().scheduler().blocking(work)
    }
}
