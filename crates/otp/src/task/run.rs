//! The life of a task's process.

use crate::reply::{Answer, Reply, SentRequest};
use crate::slot::CallerHalf;
use engset_process::{Cx, Exit, ExitReason, Processes, Protocol, set_deadline};
use engset_term::Instant;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::task::Poll;

/// What a task's process begins with.
pub(super) struct Work<B, T> {
    pub(super) body: B,
    /// Where the value goes; dropped without one it tells why the process ended.
    pub(super) reply: Reply<T>,
    /// Of the request for which the work is done.
    pub(super) deadline: Option<Instant>,
    /// Opened when the handle is there; without, the work begins at once.
    pub(super) gate: Option<Gate>,
    pub(super) ends_with_handle: bool,
}

/// Where a task waits until its handle is there.
pub(super) struct Gate(pub(super) CallerHalf<Answer<(), Infallible>, SentRequest<(), Infallible>>);

/// Does the work and hands over its value.
pub(super) async fn run<N, T, B, F>(cx: Cx<N>, work: Work<B, T>) -> ExitReason
where
    N: Protocol,
    B: FnOnce(Cx<N>) -> F,
    F: Future<Output = Result<T, Exit>>,
{
    let Work { body, reply, deadline, gate, ends_with_handle } = work;
    if let Some(gate) = gate
        && !gate.opens().await
    {
        return ExitReason::Normal;
    }
    let reply = reply.begin();
    if reply.is_none() && ends_with_handle {
        return ExitReason::Normal;
    }
    set_deadline(deadline);
    match body(cx).await {
        Ok(value) => {
            if let Some(reply) = reply {
                reply.send(value);
            }
            ExitReason::Normal
        }
        Err(Exit(reason)) => {
            Processes::set_dying(reason.clone());
            drop(reply);
            reason
        }
    }
}

impl Gate {
    /// Whether it was opened; otherwise whoever was to open it is gone.
    async fn opens(mut self) -> bool {
        poll_fn(|task| match self.0.poll(task.waker()) {
            None => Poll::Pending,
            Some(answer) => Poll::Ready(matches!(answer, Answer::Value(Ok(())))),
        })
        .await
    }
}
