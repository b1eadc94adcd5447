//! Calls of functions on one node, or on many at once.

use super::RpcError;
use super::request::{Function, Outcome, Waiting};
use crate::call::CALL_TIMEOUT;
use engset_term::{NodeName, Term};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A call that is sent when awaited.
///
/// Waits for [`CALL_TIMEOUT`] unless [`RpcCall::timeout`] says otherwise, and never longer than the request that the
/// calling process itself is serving. Dropping it while it waits gives the call up: its function may run to its end.
#[derive(Debug)]
#[must_use = "a call does nothing until awaited; `rpc::cast` is for those whose value nobody wants"]
pub struct RpcCall {
    node: NodeName,
    function: Result<Function, RpcError>,
    timeout: Option<Duration>,
}

impl RpcCall {
    pub(super) const fn new(node: NodeName, function: Result<Function, RpcError>) -> Self {
        Self { node, function, timeout: Some(CALL_TIMEOUT) }
    }

    /// Waits for `timeout` at most.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Waits as long as it takes, if the calling process is not itself under a deadline.
    pub fn no_timeout(self) -> Self {
        Self { timeout: None, ..self }
    }
}

impl IntoFuture for RpcCall {
    type Output = Result<Term, RpcError>;
    type IntoFuture = RpcCalling;

    fn into_future(self) -> RpcCalling {
        let Self { node, function, timeout } = self;
        RpcCalling { state: function.and_then(|function| function.call(node, timeout)).map(Some) }
    }
}

/// A call under way.
#[must_use = "a call does nothing until awaited"]
pub struct RpcCalling {
    state: Result<Option<Waiting>, RpcError>,
}

impl fmt::Debug for RpcCalling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcCalling").field("sent", &self.state.is_ok()).finish()
    }
}

impl Future for RpcCalling {
    type Output = Result<Term, RpcError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let waiting = match &mut self.state {
            Ok(Some(waiting)) => waiting,
            // Polled again after its end, which no `await` does.
            Ok(None) => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        let mark = Term::from(waiting.reference);
        let Poll::Ready(outcome) = waiting.poll(task) else { return Poll::Pending };
        self.state = Ok(None);
        Poll::Ready(match outcome {
            Outcome::Down(reason) => RpcError::read(&mark, reason),
            Outcome::Refused(why) => Err(RpcError::Refused(why)),
            Outcome::Unreachable => Err(RpcError::Unreachable),
            // A call is told of the end only.
            Outcome::Timeout | Outcome::Spawned(_) => Err(RpcError::Timeout),
        })
    }
}

/// A call of many nodes, which is sent when awaited.
///
/// Waits for [`CALL_TIMEOUT`] unless [`MultiCall::timeout`] says otherwise; who has not answered then has not in time,
/// and the others' answers are there.
#[derive(Debug)]
#[must_use = "a call does nothing until awaited"]
pub struct MultiCall {
    nodes: Vec<NodeName>,
    function: Result<Function, RpcError>,
    timeout: Option<Duration>,
}

impl MultiCall {
    pub(super) const fn new(nodes: Vec<NodeName>, function: Result<Function, RpcError>) -> Self {
        Self { nodes, function, timeout: Some(CALL_TIMEOUT) }
    }

    /// Waits for `timeout` at most.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Waits as long as it takes, if the calling process is not itself under a deadline.
    pub fn no_timeout(self) -> Self {
        Self { timeout: None, ..self }
    }
}

impl IntoFuture for MultiCall {
    type Output = Vec<(NodeName, Result<Term, RpcError>)>;
    type IntoFuture = MultiCalling;

    fn into_future(self) -> MultiCalling {
        let Self { nodes, function, timeout } = self;
        let call = |node| RpcCall { node, function: function.clone(), timeout }.into_future();
        MultiCalling { calls: nodes.into_iter().map(|node| (node, Progress::Waits(call(node)))).collect() }
    }
}

/// A call of many nodes under way.
#[derive(Debug)]
#[must_use = "a call does nothing until awaited"]
pub struct MultiCalling {
    calls: Vec<(NodeName, Progress)>,
}

#[derive(Debug)]
enum Progress {
    Waits(RpcCalling),
    Done(Result<Term, RpcError>),
}

impl Future for MultiCalling {
    type Output = Vec<(NodeName, Result<Term, RpcError>)>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let mut is_done = true;
        for (_, progress) in &mut self.calls {
            if let Progress::Waits(calling) = progress {
                match Pin::new(calling).poll(task) {
                    Poll::Ready(result) => *progress = Progress::Done(result),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if !is_done {
            return Poll::Pending;
        }
        let calls = std::mem::take(&mut self.calls).into_iter();
        let done = calls.filter_map(|(node, progress)| match progress {
            Progress::Done(result) => Some((node, result)),
            Progress::Waits(_) => None,
        });
        Poll::Ready(done.collect())
    }
}
