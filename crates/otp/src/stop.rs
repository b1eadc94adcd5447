//! Asks a process that follows a behaviour to end, and waits until it has.
//!
//! Messages: `{system, {Pid, Tag}, {terminate, Reason}}` as OTP's `sys` sends it, so that both sides may be on the
//! BEAM. The process answers `ok`, runs its `terminate`, and ends. Who asks monitors it; the DOWN comes to an alias,
//! as does the answer, so that neither ever reaches a mailbox, however late it comes.

use crate::wire::{self, Caller};
use engset_etf::Payload;
use engset_process::{
    ControlSignal, Dest, ExitReason, Processes, Protocol, ReplySink, Sleep, Target, current,
};
use engset_term::{Pid, Reference, Term};
use parking_lot::Mutex;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A process was not stopped, or did not end as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopError {
    /// There is no such process or name.
    NoProcess,
    /// It has not ended in time. It was asked, and may still do so.
    Timeout,
    /// It ended for another reason than the one that it was given.
    Ended(ExitReason),
    /// The connection to its node is lost or could not be made; whether it ended is not known.
    NodeDown,
    /// Who asks is no process: nothing was sent.
    OutsideNode,
    /// The process would have waited for its own end; nothing was sent.
    StoppingSelf,
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess => {
                f.write_str("no such process: it is not running, or the name is not registered")
            }
            Self::Timeout => f.write_str("the process was asked to end and has not done so in time"),
            Self::Ended(reason) => write!(f, "the process ended for another reason: {reason}"),
            Self::NodeDown => f.write_str("there is no connection to the process's node"),
            Self::OutsideNode => f.write_str(
                "asked from outside a node: run the code in a process, for instance with `Node::block_on`",
            ),
            Self::StoppingSelf => {
                f.write_str("a process cannot wait for its own end: let it return an `Exit` instead")
            }
        }
    }
}

impl std::error::Error for StopError {}

/// Lets a process end with `reason`, and waits for its end for `timeout` at most.
///
/// Dropping it while it waits takes nothing back: the process has been asked.
pub(crate) async fn stop<P: Protocol>(
    server: &impl Target<P>,
    reason: ExitReason,
    timeout: Duration,
) -> Result<(), StopError> {
    let (processes, me) = current().ok_or(StopError::OutsideNode)?;
    let to = server.dest();
    if whereis(&to, &processes) == Some(me) {
        return Err(StopError::StoppingSelf);
    }
    let waiting = Waiting::begin(processes, me, to, &reason);
    let mut alarm = waiting.processes.scheduler().sleep(timeout);
    match waiting.end(&mut alarm).await {
        None => Err(StopError::Timeout),
        Some(ended) if ended == reason => Ok(()),
        Some(ExitReason::NoProc) => Err(StopError::NoProcess),
        Some(ExitReason::NoConnection) => Err(StopError::NodeDown),
        Some(ended) => Err(StopError::Ended(ended)),
    }
}

/// Awaits the end of a process.
struct Waiting {
    processes: Arc<Processes>,
    me: Pid,
    to: Dest,
    /// The monitor on the process.
    monitor: Reference,
    /// Where the process's word goes that it will end.
    answer: Reference,
    slot: Arc<Slot>,
}

impl Waiting {
    fn begin(processes: Arc<Processes>, me: Pid, to: Dest, reason: &ExitReason) -> Self {
        let node = to.node().unwrap_or_else(|| processes.node());
        let (monitor, answer) = (processes.new_reference(), processes.new_reference());
        let slot = Arc::new(Slot::default());
        processes.aliases().open(monitor, node, Box::new(EndSink(Arc::clone(&slot))));
        processes.aliases().open(answer, node, Box::new(AnswerSink));
        wire::monitor(&processes, me, &to, monitor);
        let caller = Caller::alias(me, answer);
        let request = Term::tuple([
            Term::atom("system"),
            Term::tuple([Term::Pid(caller.pid), caller.tag]),
            Term::tuple([Term::atom("terminate"), reason.to_term()]),
        ]);
        processes.send_encoded(me, &to, engset_etf::Body::of(&request));
        Self { processes, me, to, monitor, answer, slot }
    }

    /// The reason of the end, or `None` when the alarm is first.
    async fn end(&self, alarm: &mut Sleep) -> Option<ExitReason> {
        poll_fn(|task| match self.slot.poll(task.waker()) {
            Some(reason) => Poll::Ready(Some(reason)),
            None => Pin::new(&mut *alarm).poll(task).map(|()| None),
        })
        .await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.processes.aliases().close(self.answer);
        if self.processes.aliases().close(self.monitor) {
            let demonitor = ControlSignal::Demonitor { watcher: self.me, reference: self.monitor };
            self.processes.signal(self.me, &self.to, demonitor);
        }
    }
}

/// Where the reason of the end arrives.
#[derive(Default)]
struct Slot(Mutex<(Option<ExitReason>, Option<Waker>)>);

impl Slot {
    fn poll(&self, waker: &Waker) -> Option<ExitReason> {
        let mut state = self.0.lock();
        let ended = state.0.take();
        if ended.is_none() {
            state.1 = Some(waker.clone());
        }
        ended
    }

    fn fill(&self, reason: ExitReason) {
        let waker = {
            let mut state = self.0.lock();
            state.0 = Some(reason);
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct EndSink(Arc<Slot>);

impl ReplySink for EndSink {
    fn reply(self: Box<Self>, _: Payload) {
        // Nobody knows this alias as one to be answered: somebody guessed, and cannot be believed.
        self.0.fill(ExitReason::NoConnection);
    }

    fn down(self: Box<Self>, reason: ExitReason) {
        self.0.fill(reason);
    }

    fn unreachable(self: Box<Self>) {
        self.0.fill(ExitReason::NoConnection);
    }
}

/// The answer itself tells nothing that the end does not tell.
struct AnswerSink;

impl ReplySink for AnswerSink {
    fn reply(self: Box<Self>, _: Payload) {}
    fn down(self: Box<Self>, _: ExitReason) {}
    fn unreachable(self: Box<Self>) {}
}

/// The process of this node that `to` means.
fn whereis(to: &Dest, processes: &Processes) -> Option<Pid> {
    match to {
        Dest::Pid(pid) => Some(*pid),
        Dest::Name(name) => processes.whereis(name),
        Dest::RemoteName(name, node) if *node == processes.node() => processes.whereis(name),
        Dest::RemoteName(..) | Dest::Alias(_) => None,
    }
}
