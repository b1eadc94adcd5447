//! Calls: a request, one answer, a deadline, and an error that tells whether the request may have run.

use crate::reply::{Answer, Reply, SentRequest};
use crate::slot::{CallerHalf, slot};
use crate::wire;
use engset_process::{
    Addr, Dest, ExitReason, Protocol, Request, SendError, Service, Sleep, Target, Unsent, Wait, call_begins,
    current, hand_over, now, send_request,
};
use engset_term::{Instant, Pid};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a call waits unless told otherwise, as in OTP.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call brought no value. [`CallError::maybe_executed`] tells whether the request may have run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The callee ran the request and answered with its own error.
    App(E),
    /// There is no such process or name; the request did not run. A server on another node that itself ends with
    /// `noproc` cannot be told from one that is not there.
    NoProcess,
    /// The callee ended with this reason. Whether it had begun the request is known where it is a server of this node
    /// that tells, see [`Call::tracked`]; otherwise it may have.
    Down {
        /// Why it ended.
        reason: ExitReason,
        /// False where the request was certainly not begun.
        begun: bool,
    },
    /// The deadline passed without an answer.
    Timeout {
        /// False where the request was certainly not begun.
        begun: bool,
    },
    /// The connection to the callee's node was lost before the answer came.
    NodeDown,
    /// No connection to the callee's node could be made; the request was not sent.
    Unreachable,
    /// The callee dropped the reply without answering.
    NoReply,
    /// The callee does not understand the request; it did not run. Only Engset servers say so, in words that no server
    /// ends with by accident.
    NotUnderstood(String),
    /// The callee's mailbox is full ([`engset_process::MailboxLimits`]); the request was not sent.
    Overloaded,
    /// The request has no Erlang form and the callee is on another node; it was not sent.
    Encode(String),
    /// An answer came, but not of the expected type.
    Decode(String),
    /// The caller is not a process; the request was not sent.
    OutsideNode,
    /// The process called itself, and would have waited for ever; the request was not sent. A cast to itself works.
    CallingSelf,
    /// The call would have waited for itself; the request was not sent. Each of these processes of one node waits for
    /// nothing but the next one's answer, and the last one for the first one's, which is the one that called. Let one
    /// of them answer later ([`Reply`]) or cast. A process that has given its `Reply` to another one still counts as the
    /// one that answers: it may cast to its caller meanwhile, but a call is refused.
    ///
    /// A circle of more than [`engset_process::CALL_CHAIN_MAX`] processes, or one that goes over another node, ends by
    /// the deadlines of its calls instead.
    Cycle(Vec<Pid>),
}

impl<E> CallError<E> {
    /// Whether the request may have been executed, wholly or in part. When false it certainly was not, and the call
    /// may be repeated safely.
    pub fn maybe_executed(&self) -> bool {
        match self {
            Self::App(_) | Self::NodeDown | Self::NoReply | Self::Decode(_) => true,
            Self::Down { begun, .. } | Self::Timeout { begun } => *begun,
            Self::NoProcess
            | Self::Unreachable
            | Self::NotUnderstood(_)
            | Self::Overloaded
            | Self::Encode(_)
            | Self::OutsideNode
            | Self::CallingSelf
            | Self::Cycle(_) => false,
        }
    }
}

impl CallError {
    /// The error of a call that may fail in another way, too.
    pub(crate) fn with_app<E>(self) -> CallError<E> {
        match self {
            Self::App(never) => match never {},
            Self::NoProcess => CallError::NoProcess,
            Self::Down { reason, begun } => CallError::Down { reason, begun },
            Self::Timeout { begun } => CallError::Timeout { begun },
            Self::NodeDown => CallError::NodeDown,
            Self::Unreachable => CallError::Unreachable,
            Self::NoReply => CallError::NoReply,
            Self::NotUnderstood(why) => CallError::NotUnderstood(why),
            Self::Encode(why) => CallError::Encode(why),
            Self::Decode(why) => CallError::Decode(why),
            Self::OutsideNode => CallError::OutsideNode,
            Self::CallingSelf => CallError::CallingSelf,
            Self::Cycle(chain) => CallError::Cycle(chain),
            Self::Overloaded => CallError::Overloaded,
        }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => fmt::Display::fmt(error, f),
            Self::NoProcess => {
                f.write_str("no such process: it is not running, or the name is not registered")
            }
            Self::Down { reason, begun: true } => write!(f, "the callee ended before it answered: {reason}"),
            Self::Down { reason, begun: false } => write!(f, "the callee ended before it began: {reason}"),
            Self::Timeout { begun: true } => f.write_str("no answer in time; the request may have run"),
            Self::Timeout { begun: false } => f.write_str("no answer in time; the request did not run"),
            Self::NodeDown => {
                f.write_str("the connection to the callee's node is down; the request may have run")
            }
            Self::Unreachable => f.write_str("the callee's node cannot be reached; the request was not sent"),
            Self::NoReply => f.write_str("the callee dropped the request without an answer"),
            Self::NotUnderstood(why) => write!(f, "the callee does not understand the request: {why}"),
            Self::Overloaded => f.write_str("the callee's mailbox is full; the request was not sent"),
            Self::Encode(why) => write!(f, "the request was not sent: {why}"),
            Self::Decode(why) => write!(f, "the answer is not of the expected type: {why}"),
            Self::OutsideNode => f.write_str(
                "called from outside a node: run the code in a process, for instance with `Node::block_on`",
            ),
            Self::CallingSelf => f.write_str("the process called itself; the request was not sent"),
            Self::Cycle(chain) => {
                f.write_str("the call would have waited for itself, and was not sent: ")?;
                chain.iter().try_for_each(|pid| write!(f, "{pid} calls "))?;
                match chain.first() {
                    Some(first) => write!(f, "{first}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CallError<E> {}

/// A request that is sent when awaited.
///
/// Waits for [`CALL_TIMEOUT`] unless [`Call::timeout`] says otherwise, and never longer than the request that the
/// calling process itself is serving. Dropping it while it waits cancels the request: it is not executed if it has
/// not begun.
#[must_use = "a call does nothing until awaited; send a cast to fire and forget"]
pub struct Call<P, T, E = Infallible> {
    to: Dest,
    message: P,
    slot: Slot<T, E>,
    timeout: Option<Duration>,
}

impl<P: Protocol, T, E> Call<P, T, E> {
    /// A call to whoever `to` names, with the message that `make` builds around the reply.
    ///
    /// Once it is sent, the request is taken to be begun: a server written by hand need not tell.
    pub fn new(to: &impl Target<P>, make: impl FnOnce(Reply<T, E>) -> P) -> Self {
        Self::with(to, true, make)
    }

    /// Like [`Call::new`], to servers that call [`Reply::begin`] before they execute a request of this protocol, as
    /// all that `#[server]` makes do. Only then is it begun: an error tells of a request that still waited.
    pub fn tracked(to: &impl Target<P>, make: impl FnOnce(Reply<T, E>) -> P) -> Self {
        Self::with(to, false, make)
    }

    #[inline]
    fn with(to: &impl Target<P>, is_begun: bool, make: impl FnOnce(Reply<T, E>) -> P) -> Self {
        let (slot, callee) = slot(is_begun);
        let message = make(Reply::to_slot(callee));
        Self { to: to.dest(), message, slot, timeout: Some(CALL_TIMEOUT) }
    }

    /// Waits for `timeout` at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits no longer than `timeout`, whatever it was told before.
    pub(crate) fn at_most(self, timeout: Duration) -> Self {
        Self { timeout: Some(self.timeout.map_or(timeout, |own| own.min(timeout))), ..self }
    }

    /// Waits as long as it takes, if the calling process is not itself under a deadline.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }
}

impl<P, T, E> fmt::Debug for Call<P, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("to", &self.to).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<P: Protocol, T, E> IntoFuture for Call<P, T, E> {
    type Output = Result<T, CallError<E>>;
    type IntoFuture = Calling<T, E>;

    #[inline]
    fn into_future(self) -> Calling<T, E> {
        let Self { to, message, slot, timeout } = self;
        let (caller, due) = call_begins(timeout);
        slot.set_caller(caller);
        if let Some(due) = due {
            slot.set_deadline(due);
        }
        let state = match send_request(&to, message) {
            Ok(wait) => State::Waiting(Waiting { slot, due, alarm: None, is_new: true, wait }),
            Err(unsent) => not_sent(unsent, slot, due),
        };
        Calling { state }
    }
}

#[inline(never)]
fn not_sent<P: Protocol, T, E>(unsent: Unsent<P>, slot: Slot<T, E>, due: Option<Instant>) -> State<T, E> {
    match unsent {
        Unsent::NotYet(request) => State::Unsent(Box::new(NotYet { request: Box::new(request), slot, due })),
        unsent => State::Failed(refused(unsent)),
    }
}

fn refused<P: Protocol, E>(unsent: Unsent<P>) -> CallError<E> {
    match unsent {
        Unsent::CallingSelf => CallError::CallingSelf,
        Unsent::Circle(chain) => CallError::Cycle(chain),
        Unsent::Refused(SendError::NoProcess(_)) => CallError::NoProcess,
        Unsent::Refused(SendError::Encode(error)) => CallError::Encode(error.to_string()),
        Unsent::Refused(SendError::Overloaded(_)) => CallError::Overloaded,
        Unsent::Refused(_) | Unsent::NotYet(_) => CallError::OutsideNode,
    }
}

type Slot<T, E> = CallerHalf<Answer<T, E>, SentRequest<T, E>>;

/// A call under way.
#[must_use = "a call does nothing until awaited"]
pub struct Calling<T, E> {
    state: State<T, E>,
}

enum State<T, E> {
    Waiting(Waiting<T, E>),
    Unsent(Box<NotYet<T, E>>),
    Failed(CallError<E>),
    Over,
}

/// A request that will be sent when it is known that it does not wait for itself.
struct NotYet<T, E> {
    request: Box<dyn TryAgain<E>>,
    slot: Slot<T, E>,
    due: Option<Instant>,
}

/// What became of another attempt: the request is sent, or it is still to be sent, or never will be.
type Attempt<E> = Result<Wait, Result<Box<dyn TryAgain<E>>, CallError<E>>>;

/// A [`Request`] of any message type.
trait TryAgain<E>: Send {
    fn try_again(self: Box<Self>) -> Attempt<E>;
    fn wait(&self) -> &Wait;
}

impl<P: Protocol, E> TryAgain<E> for Request<P> {
    fn try_again(self: Box<Self>) -> Attempt<E> {
        self.send().map_err(|unsent| match unsent {
            Unsent::NotYet(request) => Ok(Box::new(request) as Box<dyn TryAgain<E>>),
            unsent => Err(refused(unsent)),
        })
    }

    fn wait(&self) -> &Wait {
        Self::wait(self)
    }
}

impl<T, E> NotYet<T, E> {
    /// Sends the request if that can be said now; others have their turn otherwise.
    fn poll(self, task: &Context<'_>) -> State<T, E> {
        let Self { request, slot, due } = self;
        if due.is_some_and(|due| now().is_some_and(|now| due <= now)) {
            return State::Failed(CallError::Timeout { begun: false });
        }
        match request.try_again() {
            Ok(wait) => State::Waiting(Waiting { slot, due, alarm: None, is_new: true, wait }),
            Err(Err(error)) => State::Failed(error),
            Err(Ok(request)) => {
                request.wait().goes_on();
                task.waker().wake_by_ref();
                State::Unsent(Box::new(Self { request, slot, due }))
            }
        }
    }
}

struct Waiting<T, E> {
    slot: Slot<T, E>,
    due: Option<Instant>,
    /// Set when the call has to wait.
    alarm: Option<Sleep>,
    is_new: bool,
    wait: Wait,
}

impl<T, E> Unpin for Calling<T, E> {}

impl<T, E> Future for Calling<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let State::Waiting(waiting) = &mut this.state else { return this.poll_unsent(task) };
        let result = match waiting.poll(task) {
            Poll::Ready(Some(answer)) => conclude(waiting, answer),
            Poll::Ready(None) => Err(CallError::Timeout { begun: this.give_up() }),
            Poll::Pending => return Poll::Pending,
        };
        this.state = State::Over;
        Poll::Ready(result)
    }
}

impl<T, E> Calling<T, E> {
    #[inline(never)]
    fn poll_unsent(&mut self, task: &mut Context<'_>) -> Poll<Result<T, CallError<E>>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Unsent(request) => self.state = request.poll(task),
            state => self.state = state,
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Failed(error) => Poll::Ready(Err(error)),
            State::Waiting(waiting) => {
                self.state = State::Waiting(waiting);
                Pin::new(self).poll(task)
            }
            state => {
                self.state = state;
                Poll::Pending
            }
        }
    }

    /// Takes back what the way of the request left behind; whether the request may have been executed.
    fn give_up(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Waiting(waiting) => waiting.give_up(),
            State::Unsent(_) | State::Failed(_) | State::Over => false,
        }
    }
}

impl<T, E> Drop for Calling<T, E> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T, E> fmt::Debug for Calling<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = matches!(self.state, State::Over);
        f.debug_struct("Calling").field("is_over", &is_over).finish_non_exhaustive()
    }
}

impl<T, E> Waiting<T, E> {
    /// The answer; `None` when the time is over.
    #[inline]
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Answer<T, E>>> {
        if std::mem::take(&mut self.is_new) {
            // A callee that waited can serve the request here and now: the caller has nothing else to do.
            hand_over();
            if let Some(answer) = self.slot.take() {
                return Poll::Ready(Some(answer));
            }
        }
        self.wait(task)
    }

    #[inline(never)]
    fn wait(&mut self, task: &mut Context<'_>) -> Poll<Option<Answer<T, E>>> {
        if let Some(answer) = self.slot.poll(task.waker()) {
            return Poll::Ready(Some(answer));
        }
        self.wait.goes_on();
        if self.alarm.is_none()
            && let (Some(due), Some((processes, _))) = (self.due, current())
        {
            self.alarm = Some(processes.scheduler().sleep_until(due));
        }
        match &mut self.alarm {
            Some(alarm) => Pin::new(alarm).poll(task).map(|()| None),
            None => Poll::Pending,
        }
    }

    /// Takes back what the way of the request left behind; whether the request may have been executed.
    fn give_up(self) -> bool {
        let sent = self.slot.note();
        if let Some(sent) = sent {
            sent.close();
        }
        let was_sent = sent.is_some();
        self.slot.give_up() || was_sent
    }
}

#[inline]
fn conclude<T, E>(waiting: &Waiting<T, E>, answer: Answer<T, E>) -> Result<T, CallError<E>> {
    match answer {
        Answer::Value(Ok(value)) => Ok(value),
        Answer::Value(Err(error)) => Err(CallError::App(error)),
        answer => conclude_otherwise(waiting, answer),
    }
}

#[inline(never)]
fn conclude_otherwise<T, E>(waiting: &Waiting<T, E>, answer: Answer<T, E>) -> Result<T, CallError<E>> {
    let sent = waiting.slot.note();
    match answer {
        Answer::Value(answer) => answer.map_err(CallError::App),
        Answer::Dropped => Err(CallError::NoReply),
        Answer::Expired => Err(CallError::Timeout { begun: false }),
        Answer::Unreachable => Err(CallError::Unreachable),
        Answer::Down(reason) if sent.is_some() => Err(monitor_fired(reason)),
        Answer::Down(reason) => Err(CallError::Down { reason, begun: waiting.slot.is_begun() }),
        Answer::Encoded(payload) => {
            let Some(sent) = sent else { return Err(CallError::NoReply) };
            sent.demonitor();
            let reply = wire::open_reply(&payload).map_err(|error| CallError::Decode(error.to_string()))?;
            match (sent.decode)(&reply) {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(CallError::App(error)),
                Err(error) => Err(CallError::Decode(error.to_string())),
            }
        }
    }
}

/// What became of a request that left as a term, by the reason with which the monitor of its callee fired.
fn monitor_fired<E>(reason: ExitReason) -> CallError<E> {
    match reason {
        ExitReason::NoProc => CallError::NoProcess,
        ExitReason::NoConnection => CallError::NodeDown,
        reason if wire::is_no_reply(&reason) => CallError::NoReply,
        reason => match wire::bad_request_text(&reason) {
            Some(why) => CallError::NotUnderstood(why),
            None => CallError::Down { reason, begun: true },
        },
    }
}

/// Calls by hand: the message is built around the reply. A request that was sent may have run, see [`Call::new`].
pub trait CallTarget<P: Protocol>: Target<P> {
    /// A call whose answer is a `T`.
    fn call<T>(&self, make: impl FnOnce(Reply<T>) -> P) -> Call<P, T> {
        Call::new(self, make)
    }

    /// A call whose answer is a `T` or the callee's own error.
    fn try_call<T, E>(&self, make: impl FnOnce(Reply<T, E>) -> P) -> Call<P, T, E> {
        Call::new(self, make)
    }
}

impl<P: Protocol> CallTarget<P> for Addr<P> {}
impl<P: Protocol> CallTarget<P> for Service<P> {}
