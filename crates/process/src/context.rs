//! What a running process can do: its own door outwards.

use crate::addr::Addr;
use crate::current;
use crate::exit::{ExitReason, IntoExit};
use crate::process::{self, Me, Relations};
use crate::processes::{Processes, SpawnError, SpawnOptions};
use crate::protocol::{Mail, Protocol, SendError};
use crate::receive::{AnyMail, Receive, ReceiveTimeout};
use crate::registry::RegisterError;
use crate::scheduler::Sleep;
use crate::send_after::TimerRef;
use crate::signal::{ControlSignal, Dest, Epoch};
use crate::state::Monitored;
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A process's own view of itself and the way to everything it can do.
///
/// Only the process has it; it is passed to the process's code. Nothing here waits except what is `async`.
pub struct Cx<M: Protocol> {
    pub(crate) process: Me<M>,
}

#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "what changes the process, or takes from its mailbox, needs its only context"
)]
impl<M: Protocol> Cx<M> {
    pub(crate) fn new(process: Me<M>) -> Self {
        Self { process }
    }

    /// This process's pid, `self()` in Erlang.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// This process's address.
    #[must_use]
    pub fn addr(&self) -> Addr<M> {
        Addr::new(self.pid())
    }

    /// The name of the node.
    #[must_use]
    pub fn node(&self) -> NodeName {
        self.processes().node()
    }

    /// The processes of the node.
    #[must_use]
    pub fn processes(&self) -> &Arc<Processes> {
        &self.process.processes
    }

    /// Waits for the next message, down message or trapped exit, in order of arrival.
    ///
    /// Cancel-safe: what arrives while nobody waits stays in the mailbox.
    #[inline]
    pub fn recv(&mut self) -> Receive<'_, M, Mail<M>, AnyMail> {
        Receive::new(&self.process, AnyMail)
    }

    /// Selective receive: waits for the first message for which `select` returns `Ok`. What `select` gives back with
    /// `Err` stays in its place and is not offered to this receive again.
    ///
    /// Cancel-safe.
    pub fn receive<T, F>(&mut self, select: F) -> Receive<'_, M, T, F>
    where
        F: FnMut(Mail<M>) -> Result<T, Mail<M>> + Unpin,
    {
        Receive::new(&self.process, select)
    }

    /// Like [`Cx::recv`], but gives up after `patience` with `None`. Zero looks into the mailbox once.
    pub fn recv_timeout(&mut self, patience: Duration) -> ReceiveTimeout<'_, M, Mail<M>, AnyMail> {
        let sleep = self.sleep(patience);
        ReceiveTimeout::new(self.recv(), sleep)
    }

    /// Like [`Cx::receive`], but gives up after `patience` with `None`.
    pub fn receive_timeout<T, F>(&mut self, patience: Duration, select: F) -> ReceiveTimeout<'_, M, T, F>
    where
        F: FnMut(Mail<M>) -> Result<T, Mail<M>> + Unpin,
    {
        let sleep = self.sleep(patience);
        ReceiveTimeout::new(self.receive(select), sleep)
    }

    /// Completes after `duration` by the node's clock.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.processes().scheduler().sleep(duration)
    }

    /// Sends a message. Never waits, and does not tell whether it arrived.
    ///
    /// # Errors
    /// [`SendError`] when it was refused on this node.
    pub fn send<N: Protocol>(&self, to: impl Into<Dest>, message: N) -> Result<(), SendError<N>> {
        self.processes().send(self.pid(), &to.into(), message)
    }

    /// Like [`Self::send`], but refuses where the connection to the receiver's node has too much queued, and never
    /// suspends the process, as `erlang:send(Dest, Msg, [nosuspend])`.
    ///
    /// # Errors
    /// [`SendError::Busy`] then, with the message; otherwise as [`Self::send`].
    pub fn try_send<N: Protocol>(&self, to: impl Into<Dest>, message: N) -> Result<(), SendError<N>> {
        let to = to.into();
        if self.processes().is_busy(self.pid(), &to, Waker::noop()) {
            return Err(SendError::Busy(message));
        }
        // Whoever asks before each message is not suspended by one.
        current::not_suspending(|| self.processes().send(self.pid(), &to, message))
    }

    /// Waits until the connection to the receiver's node has room. Await it between messages when sending much without
    /// waiting for anything else: a process that has sent too much is suspended when it next waits, as the BEAM suspends
    /// a sender whose distribution port is busy, and not before. For receivers on this node it completes at once.
    pub async fn ready(&self, to: impl Into<Dest>) {
        let to = to.into();
        poll_fn(|task| {
            if self.processes().is_busy(self.pid(), &to, task.waker()) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Sends `message` after `delay`, unless cancelled before.
    ///
    /// The timer outlives this process, as on the BEAM. It outlives the receiver too, unlike there: until it is due it
    /// keeps the message, which is then dropped and counted. Who sends much, much later, to processes that end soon keeps
    /// the [`TimerRef`] and cancels.
    pub fn send_after<N: Protocol>(&self, delay: Duration, to: impl Into<Dest>, message: N) -> TimerRef {
        TimerRef::start(self.processes(), delay, self.pid(), to.into(), message)
    }

    /// Links this process to another. When there is none, an exit signal `noproc` comes back.
    pub fn link(&mut self, to: Pid) {
        let me = self.pid();
        let signal = self.process.relations(|relations| relations.state().link(to, me));
        if let Some(signal) = signal {
            let epoch = self.processes().signal(self.pid(), &Dest::Pid(to), signal);
            self.process.relations(|relations| relations.state().link_goes_over(to, epoch));
        }
    }

    /// Removes the link to another process. No exit signal by this link arrives afterwards; one that was trapped
    /// before stays in the mailbox.
    pub fn unlink(&mut self, to: Pid) {
        let me = self.pid();
        let signal = self.process.relations(|relations| relations.state().unlink(to, me));
        if let Some(signal) = signal {
            self.processes().signal(self.pid(), &Dest::Pid(to), signal);
        }
    }

    /// Watches a process: exactly one [`Mail::Down`] comes when it ends, is not there, or its node is lost.
    pub fn monitor(&mut self, given: impl Into<Dest>) -> Reference {
        let reference = self.processes().new_reference();
        self.monitor_as(reference, given.into(), None, false);
        reference
    }

    pub(crate) fn monitor_as(
        &mut self,
        reference: Reference,
        given: Dest,
        tag: Option<Box<Term>>,
        is_alias: bool,
    ) {
        let me = self.pid();
        let target = self.processes().monitor_target(&given);
        let name = match &given {
            Dest::Name(name) | Dest::RemoteName(name, _) => Some(name.clone()),
            Dest::Pid(_) | Dest::Alias(_) => None,
        };
        let own_target = target.clone().unwrap_or(Dest::Pid(me));
        let monitored = Monitored { tag, is_alias, ..Monitored::new(given, own_target) };
        self.process.relations(|relations| relations.state().monitor(reference, monitored));
        match target {
            Some(target) => {
                let signal = ControlSignal::Monitor { watcher: me, reference, name };
                let epoch = self.processes().signal(me, &target, signal);
                if epoch != Epoch::NONE {
                    self.process.relations(|relations| relations.state().monitor_goes_over(reference, epoch));
                }
            }
            None => {
                let down = ControlSignal::Down { reference, reason: ExitReason::NoProc };
                self.processes().signal(me, &Dest::Pid(me), down);
            }
        }
    }

    /// Stops watching. No [`Mail::Down`] of this monitor is in the mailbox or arrives afterwards (OTP's `flush`). False
    /// where it had fired, or was never made.
    pub fn demonitor(&mut self, reference: Reference) -> bool {
        let monitored = self.process.relations(|relations| relations.state().demonitor(reference));
        let Some(monitored) = monitored else {
            let is_its = |mail: &Mail<M>| matches!(mail, Mail::Down(down) if down.reference == reference);
            process::discard(&self.process, is_its);
            return false;
        };
        if monitored.is_alias {
            self.unalias(reference);
        }
        let me = self.pid();
        let signal = ControlSignal::Demonitor { watcher: me, reference };
        self.processes().signal(me, &monitored.target, signal);
        true
    }

    /// Whether the process `pid` monitors this one now, by whatever reference. Who calls a server monitors it first; a caller
    /// of another node that does not has been told that the connection was lost, and awaits no answer.
    ///
    /// ```
    /// use engset_process::{Cx, Mail, Target};
    /// # use engset_process::{Identity, Processes, Scheduler};
    /// use engset_term::Term;
    ///
    /// # let identity = Identity { node: engset_term::NodeName::NONODE, creation: 1, processes_max: 9, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(1));
    /// # let result = processes.block_on(|mut cx: Cx<Term>| async move {
    /// let watched = cx.addr();
    /// let watcher = cx.spawn(async move |mut cx: Cx<Term>| {
    ///     cx.monitor(watched);
    ///     drop(watched.send(Term::atom("hello")));
    ///     drop(cx.recv().await);
    /// });
    /// let watcher = watcher.expect("there is room").pid();
    /// assert!(!cx.is_monitored_by(watcher), "it has not run yet");
    /// assert!(matches!(cx.recv().await, Mail::Message(_)));
    /// assert!(cx.is_monitored_by(watcher));
    /// # });
    /// # assert_eq!(result, Ok(()));
    /// ```
    #[must_use]
    pub fn is_monitored_by(&self, pid: Pid) -> bool {
        self.process.relations(|relations| relations.state().watchers().any(|watcher| watcher == pid))
    }

    /// Sends an exit signal: ends the other process unless it traps exits; [`ExitReason::Kill`] cannot be trapped.
    pub fn exit(&self, to: Pid, reason: ExitReason) {
        self.processes().signal(self.pid(), &Dest::Pid(to), ControlSignal::Exit { from: self.pid(), reason });
    }

    /// Gives this process a name on the node.
    ///
    /// # Errors
    /// [`RegisterError`] when the name is taken.
    pub fn register(&self, name: &Atom) -> Result<(), RegisterError> {
        self.processes().register(name, self.pid())
    }

    /// Starts a process.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached.
    pub fn spawn<N, B, F>(&self, body: B) -> Result<Addr<N>, SpawnError>
    where
        N: Protocol,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        self.processes().spawn(SpawnOptions::default(), body)
    }

    /// Starts a process that is linked to this one from its first moment.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached or the name is taken.
    pub fn spawn_link<N, B, F>(&mut self, options: SpawnOptions, body: B) -> Result<Addr<N>, SpawnError>
    where
        N: Protocol,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let me = self.pid();
        self.processes().spawn_prepared(options, body, |child, relations: &mut Relations| {
            relations.state().link_both(me);
            self.process.relations(|relations| relations.state().link_both(child));
        })
    }

    /// Starts a process that this one watches from its first moment.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached or the name is taken.
    pub fn spawn_monitor<N, B, F>(
        &mut self,
        options: SpawnOptions,
        body: B,
    ) -> Result<(Addr<N>, Reference), SpawnError>
    where
        N: Protocol,
        B: FnOnce(Cx<N>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let me = self.pid();
        let reference = self.processes().new_reference();
        let addr = self.processes().spawn_prepared(options, body, |child, relations: &mut Relations| {
            relations.state().watched(reference, me);
            let monitored = Monitored::new(Dest::Pid(child), Dest::Pid(child));
            self.process.relations(|relations| relations.state().monitor(reference, monitored));
        })?;
        Ok((addr, reference))
    }
}

impl<M: Protocol> fmt::Debug for Cx<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cx({})", self.pid())
    }
}
