//! Several calls at once: to many servers, in order of the answers, or again and again until somebody is there.
//!
//! Calls that are dropped are cancelled, as a single one is. A process that waits for several calls counts as one that
//! may yet be served: a circle over it ends by a deadline ([`CallError::Cycle`] is for single calls).

use crate::call::{Call, CallError, Calling};
use crate::reply::Reply;
use engset_process::{Protocol, SendError, Service, Target, current, deadline};
use engset_term::Instant;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// So many calls of one [`Calls`] are under way at once, unless it is told otherwise; the others wait for their turn.
pub const CALLS_AT_ONCE: usize = 1_024;

/// After a call that did not run, [`call_again`] waits this long at first, and twice as long each time.
const AGAIN_FIRST: Duration = Duration::from_millis(1);
/// It waits no longer than this.
const AGAIN_MAX: Duration = Duration::from_millis(50);

/// An answer, or why there is none, by the key of its call.
type Answer<K, T, E> = (K, Result<T, CallError<E>>);

/// Calls of one kind at once, whose answers come in order of arrival.
///
/// ```
/// use engset_otp::{Calls, CallTarget, Reply};
/// use engset_process::{Addr, Protocol};
///
/// struct Price(&'static str, Reply<u64>);
/// impl Protocol for Price {}
///
/// /// The first price that any of the shops names; the others need not answer any more.
/// async fn first_price(shops: &[Addr<Price>], of: &'static str) -> Option<u64> {
///     let mut prices = Calls::new();
///     for shop in shops {
///         prices.push(shop.pid(), shop.call(|reply| Price(of, reply)));
///     }
///     while let Some((_shop, price)) = prices.next().await {
///         if let Ok(price) = price {
///             return Some(price);
///         }
///     }
///     None
/// }
/// ```
#[must_use = "calls do nothing until their answers are awaited"]
pub struct Calls<K, P, T, E = Infallible> {
    waiting: VecDeque<(K, Call<P, T, E>)>,
    running: Vec<(K, Calling<T, E>)>,
    at_once: usize,
    due: Option<Instant>,
}

impl<K, P: Protocol, T, E> Calls<K, P, T, E> {
    /// No calls yet.
    pub const fn new() -> Self {
        Self { waiting: VecDeque::new(), running: Vec::new(), at_once: CALLS_AT_ONCE, due: None }
    }

    /// Lets at most so many calls be under way at once; at least one. Those that wait for their turn are not sent, and
    /// their own time limits do not run.
    pub fn at_once(self, calls: usize) -> Self {
        Self { at_once: calls.max(1), ..self }
    }

    /// Ends all calls after `timeout` from now, whatever their own time limits; those not sent by then are not sent.
    pub fn timeout(self, timeout: Duration) -> Self {
        let due = current().map(|(processes, _)| processes.scheduler().now().saturating_add(timeout));
        Self { due, ..self }
    }

    /// Adds a call, which is known as `key`.
    pub fn push(&mut self, key: K, call: Call<P, T, E>) {
        self.waiting.push_back((key, call));
    }

    /// How many calls have no answer yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    /// Whether all answers were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next answer, or why there is none; `None` when all were taken.
    ///
    /// Cancel-safe: dropping the future that this returns takes no call back. Dropping the calls does.
    pub async fn next(&mut self) -> Option<Answer<K, T, E>> {
        poll_fn(|task| self.poll_next(task)).await
    }

    fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Answer<K, T, E>>> {
        loop {
            for place in 0..self.running.len() {
                if let Poll::Ready(result) = Pin::new(&mut self.running[place].1).poll(task) {
                    let (key, _) = self.running.remove(place);
                    return Poll::Ready(Some((key, result)));
                }
            }
            let mut has_begun = false;
            while self.running.len() < self.at_once
                && let Some((key, call)) = self.waiting.pop_front()
            {
                let call = match self.due {
                    Some(due) => call.at_most(left(due)),
                    None => call,
                };
                self.running.push((key, call.into_future()));
                has_begun = true;
            }
            if !has_begun {
                return if self.running.is_empty() { Poll::Ready(None) } else { Poll::Pending };
            }
        }
    }
}

impl<K, P: Protocol, T, E> Default for Calls<K, P, T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, P, T, E> fmt::Debug for Calls<K, P, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("waiting", &self.waiting.len())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

/// Calls all `targets` at once, which may be names on several nodes, and waits for `timeout` at most; what each of them
/// answered, or why it did not, in the order of `targets` (OTP's `gen_server:multi_call`).
///
/// ```
/// use engset_otp::{Reply, multi_call};
/// use engset_process::{Protocol, Service};
/// use engset_term::{Atom, NodeName};
/// use std::time::Duration;
///
/// struct Count(Reply<u64>);
/// impl Protocol for Count {}
///
/// /// What the counters of these nodes say, added up; as far as they say anything within a second.
/// async fn total(nodes: &[NodeName]) -> u64 {
///     let counters = nodes.iter().map(|node| Service::at(Atom::from_static("counter"), *node));
///     let counts = multi_call(counters, Count, Duration::from_secs(1)).await;
///     counts.into_iter().flatten().sum()
/// }
/// ```
pub async fn multi_call<P: Protocol, T, E>(
    targets: impl IntoIterator<Item = impl Target<P>>,
    mut make: impl FnMut(Reply<T, E>) -> P,
    timeout: Duration,
) -> Vec<Result<T, CallError<E>>> {
    let mut calls = Calls::new().timeout(timeout);
    for (place, target) in targets.into_iter().enumerate() {
        calls.push(place, Call::new(&target, &mut make).no_timeout());
    }
    calls.at_once = usize::MAX;
    let mut answers: Vec<Option<Result<T, CallError<E>>>> = Vec::new();
    answers.resize_with(calls.len(), || None);
    while let Some((place, answer)) = calls.next().await {
        answers[place] = Some(answer);
    }
    answers.into_iter().flatten().collect()
}

/// Sends a cast to all `targets` (OTP's `gen_server:abcast`); which of them this node refused, in the order of
/// `targets`. Never waits.
///
/// ```
/// use engset_otp::abcast;
/// use engset_process::{Addr, Protocol};
///
/// struct Flush;
/// impl Protocol for Flush {}
///
/// fn flush_all(caches: &[Addr<Flush>]) {
///     // Those that have ended need not flush.
///     drop(abcast(caches.iter().copied(), || Flush));
/// }
/// ```
pub fn abcast<P: Protocol>(
    targets: impl IntoIterator<Item = impl Target<P>>,
    mut make: impl FnMut() -> P,
) -> Vec<Result<(), SendError<P>>> {
    targets.into_iter().map(|target| target.send(make())).collect()
}

/// Makes a call, and makes it again for as long as it certainly did not run because nobody was there, for `patience` at
/// most: for servers that are being restarted, by name. Any other error, and the last one when the time is over, is the
/// caller's.
///
/// ```
/// use engset_otp::{CallError, CallTarget, Reply, call_again};
/// use engset_process::{Protocol, Service};
/// use std::time::Duration;
///
/// struct Balance(Reply<i64>);
/// impl Protocol for Balance {}
///
/// async fn balance(bank: &Service<Balance>) -> Result<i64, CallError> {
///     call_again(|| bank.call(Balance), Duration::from_secs(10)).await
/// }
/// ```
///
/// # Errors
/// [`CallError`] of the last attempt.
pub async fn call_again<P: Protocol, T, E>(
    mut make: impl FnMut() -> Call<P, T, E>,
    patience: Duration,
) -> Result<T, CallError<E>> {
    let Some((processes, _)) = current() else { return Err(CallError::OutsideNode) };
    let scheduler = processes.scheduler();
    let own = scheduler.now().saturating_add(patience);
    let due = deadline().map_or(own, |deadline| deadline.min(own));
    let mut pause = AGAIN_FIRST;
    loop {
        let error = match make().at_most(left(due)).await {
            Err(error) if is_nobody_there(&error) => error,
            result => return result,
        };
        if left(due) <= pause {
            return Err(error);
        }
        scheduler.sleep(pause).await;
        pause = (pause * 2).min(AGAIN_MAX);
    }
}

/// A name as an address of whoever bears it, and of its successors.
pub trait CallSuccessors<P: Protocol> {
    /// Calls the holder of the name; where it is not there, or ends before it begins the request, its successor, as
    /// [`call_again`] does.
    ///
    /// For servers that tell what they begin ([`Call::tracked`]), as all that `#[server]` makes do.
    ///
    /// # Errors
    /// [`CallError`] of the last attempt.
    fn call_successors<T: Send, E: Send>(
        &self,
        make: impl FnMut(Reply<T, E>) -> P + Send,
        patience: Duration,
    ) -> impl Future<Output = Result<T, CallError<E>>> + Send;
}

impl<P: Protocol> CallSuccessors<P> for Service<P> {
    async fn call_successors<T: Send, E: Send>(
        &self,
        mut make: impl FnMut(Reply<T, E>) -> P + Send,
        patience: Duration,
    ) -> Result<T, CallError<E>> {
        call_again(|| Call::tracked(self, &mut make), patience).await
    }
}

/// Whether the request did not run, and might with a successor of who was to run it.
fn is_nobody_there<E>(error: &CallError<E>) -> bool {
    matches!(error, CallError::NoProcess | CallError::Unreachable | CallError::Down { begun: false, .. })
}

fn left(due: Instant) -> Duration {
    let now = current().map(|(processes, _)| processes.scheduler().now());
    now.map_or(Duration::ZERO, |now| due.saturating_duration_since(now))
}
