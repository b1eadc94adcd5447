//! What a running process can do about itself: aliases, label, group leader, values of its own, memory.

use crate::alias::{AliasMode, AliasOptions, OfProcess};
use crate::context::Cx;
use crate::current;
use crate::info::{Behaviour, Callback};
use crate::overload::Room;
use crate::process;
use crate::protocol::{Protocol, SendError};
use crate::scheduler::Sleep;
use crate::signal::{ControlSignal, Dest};
use engset_term::{Pid, Reference, Term};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How a monitor is made (OTP's `monitor/3`).
#[derive(Debug, Clone, Default)]
pub struct MonitorOptions {
    /// What stands in the place of `'DOWN'`: [`crate::Down::tag`].
    pub tag: Option<Term>,
    /// Makes the monitor's reference an alias of this process, too.
    pub alias: Option<AliasMode>,
}

#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "what changes the process, or takes from its mailbox, needs its only context"
)]
impl<M: Protocol> Cx<M> {
    /// A new alias of this process: an address that can be taken back. What is sent to it afterwards is dropped, and
    /// counted.
    ///
    /// ```
    /// use engset_process::{AliasOptions, Cx, Dest, Mail};
    /// use engset_term::Term;
    /// # use engset_process::{Identity, Processes, Scheduler};
    /// # let identity = Identity { node: engset_term::NodeName::NONODE, creation: 1, processes_max: 9, salt: 1 };
    /// # let processes = Processes::new(identity, Scheduler::seeded(1));
    /// # processes.block_on(|mut cx: Cx<Term>| async move {
    /// let alias = cx.alias(AliasOptions::default());
    /// cx.send(Dest::Alias(alias), Term::from(1)).expect("a process of this node");
    /// assert!(matches!(cx.recv().await, Mail::Message(_)));
    /// assert!(cx.unalias(alias));
    /// # }).unwrap();
    /// ```
    pub fn alias(&mut self, options: AliasOptions) -> Reference {
        let alias = self.processes().new_reference();
        self.open_alias(alias, options);
        alias
    }

    /// Takes an alias back; whether it was active. Messages that came by it before stay in the mailbox.
    pub fn unalias(&mut self, alias: Reference) -> bool {
        let is_own = self.process.relations(|relations| {
            let aliases = &mut relations.state().aliases;
            let before = aliases.len();
            aliases.retain(|own| *own != alias);
            aliases.len() < before
        });
        is_own && self.processes().aliases().close(alias)
    }

    /// Watches a process as [`Cx::monitor`] does, with a tag of one's own, or with the reference as an alias.
    pub fn monitor_with(&mut self, given: impl Into<Dest>, options: MonitorOptions) -> Reference {
        let reference = self.processes().new_reference();
        if let Some(mode) = options.alias {
            self.open_alias(reference, AliasOptions { mode, priority: false });
        }
        // The alias of a mode that says so ends with the monitor.
        let ends_alias = options.alias.is_some_and(|mode| mode != AliasMode::ExplicitUnalias);
        self.monitor_as(reference, given.into(), options.tag.map(Box::new), ends_alias);
        reference
    }

    fn open_alias(&mut self, alias: Reference, options: AliasOptions) {
        self.process.relations(|relations| relations.state().aliases.push(alias));
        self.processes().aliases().open_process(alias, OfProcess { pid: self.pid(), options });
    }

    /// Sends a message that goes before all that are not of priority, where the receiver made the alias `to` for that
    /// ([`AliasOptions::priority`]); as an ordinary one elsewhere (EEP 76).
    ///
    /// # Errors
    /// [`SendError`] when it was refused on this node.
    pub fn send_priority<N: Protocol>(&self, to: Reference, message: N) -> Result<(), SendError<N>> {
        self.processes().send_anywhere(self.pid(), &Dest::Alias(to), message, true)
    }

    /// Sends a message; waits while the receiver's mailbox is full, where it was made for that
    /// ([`crate::WhenFull::Wait`]), and while the connection to its node has too much queued.
    ///
    /// Cancel-safe: dropped before it is done, nothing was sent, and the message is dropped.
    ///
    /// # Errors
    /// [`SendError`] when it was refused on this node; [`SendError::Overloaded`] where the receiver does not let
    /// senders wait, the message would not fit if nothing waited, or [`crate::WAITING_SENDERS_MAX`] wait already.
    pub async fn send_when_ready<N: Protocol>(
        &self,
        to: impl Into<Dest>,
        message: N,
    ) -> Result<(), SendError<N>> {
        self.send_until(to.into(), message, None).await
    }

    /// Like [`Self::send_when_ready`], but waits for `patience` at most.
    ///
    /// # Errors
    /// [`SendError::Busy`] or [`SendError::Overloaded`] where there was no room in time, with the message, which was not
    /// sent; otherwise as [`Self::send_when_ready`].
    pub async fn send_within<N: Protocol>(
        &self,
        patience: Duration,
        to: impl Into<Dest>,
        message: N,
    ) -> Result<(), SendError<N>> {
        let alarm = self.sleep(patience);
        self.send_until(to.into(), message, Some(alarm)).await
    }

    async fn send_until<N: Protocol>(
        &self,
        to: Dest,
        message: N,
        alarm: Option<Sleep>,
    ) -> Result<(), SendError<N>> {
        let mut alarm = pin!(alarm);
        let mut rings = |task: &mut Context<'_>| {
            alarm.as_mut().as_pin_mut().is_some_and(|alarm| alarm.poll(task).is_ready())
        };
        let is_ready = poll_fn(|task| match self.processes().is_busy(self.pid(), &to, task.waker()) {
            false => Poll::Ready(true),
            true if rings(task) => Poll::Ready(false),
            true => Poll::Pending,
        });
        if !is_ready.await {
            return Err(SendError::Busy(message));
        }
        let mut message = message;
        loop {
            match self.processes().send(self.pid(), &to, message) {
                Err(SendError::Overloaded(unsent)) => message = unsent,
                sent => return sent,
            }
            let bytes = message.size();
            let mut has_waited = false;
            let may_fit = poll_fn(|task| {
                if has_waited {
                    // Woken: the next attempt tells, unless it was the alarm.
                    return Poll::Ready(!rings(task));
                }
                match self.processes().wait_for_room(&to, bytes, task.waker()) {
                    Room::Perhaps => Poll::Ready(true),
                    Room::Never => Poll::Ready(false),
                    Room::Later if rings(task) => Poll::Ready(false),
                    Room::Later => {
                        has_waited = true;
                        Poll::Pending
                    }
                }
            })
            .await;
            if !may_fit {
                return Err(SendError::Overloaded(message));
            }
        }
    }

    /// Whether exit signals reach this process as [`crate::Mail::Exit`] instead of ending it; returns what was set
    /// before.
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        self.process.relations(|relations| std::mem::replace(&mut relations.state().trap_exit, trap))
    }

    /// Sets what this process calls itself in reports and in [`crate::ProcessInfo`]; what it was before.
    pub fn set_label(&mut self, label: impl Into<String>) -> Option<String> {
        let label = label.into().into_boxed_str();
        self.process.relations(|relations| relations.state().label.replace(label)).map(String::from)
    }

    /// The process that does input and output for this one, on this node or another. Inherited from whoever started
    /// it; `None` where that had none.
    #[must_use]
    pub fn group_leader(&self) -> Option<Pid> {
        self.processes().group_leader(self.pid())
    }

    /// Makes `leader` the group leader of a process of any node; this one, too.
    pub fn set_group_leader(&self, of: Pid, leader: Pid) {
        self.processes().signal(self.pid(), &Dest::Pid(of), ControlSignal::GroupLeader { leader });
    }

    /// Says that the reason with which this process ends is its result, for those who monitor it: it is not counted and
    /// reported as a crash.
    pub fn end_quietly(&mut self) {
        self.process.relations(|relations| relations.state().ends_quietly = true);
    }

    /// Begins to count the answers that this process gives, from 0, or ends it; without, they are not counted. What is
    /// sent without being the answer to a call is not among them.
    pub fn count_answers(&mut self, count: bool) {
        current::with(|current| current.map(|current| current.answers.set(u64::from(count))));
    }

    /// How many answers this process has given since [`Cx::count_answers`]; 0 where they are not counted.
    #[must_use]
    pub fn answers(&self) -> u64 {
        current::with(|current| current.map_or(0, |current| current.answers.get().saturating_sub(1)))
    }

    /// Says which callback of its behaviour this process is in, for [`crate::ProcessInfo::callback`]; `None` when it is
    /// over. For code that is a behaviour; it costs one store.
    #[inline]
    pub fn set_callback(&self, callback: Option<Callback>) {
        self.process.set_callback(callback);
    }

    /// Says what serves this process, for [`crate::ProcessInfo::behaviour`]. For code that is a behaviour, and answers
    /// system messages; it costs one store.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.process.set_behaviour(behaviour);
    }

    /// The process that started this one; `None` where that was no process of this node.
    #[must_use]
    pub fn parent(&self) -> Option<Pid> {
        self.process.starter()
    }

    /// Keeps a value for this process, one of each type, as its process dictionary; the one that was kept before.
    ///
    /// `None` also where the context is used outside of its process.
    pub fn put<T: Send + 'static>(&mut self, value: T) -> Option<T> {
        let before = process::with_locals(&self.process, |locals| {
            locals.insert(std::any::TypeId::of::<T>(), Box::new(value))
        });
        before.flatten().and_then(|before| before.downcast().ok()).map(|before| *before)
    }

    /// Calls `body` with the value of this type that this process keeps.
    pub fn with<T: Send + 'static, R>(&mut self, body: impl FnOnce(Option<&mut T>) -> R) -> Option<R> {
        process::with_locals(&self.process, |locals| {
            body(locals.get_mut(&std::any::TypeId::of::<T>()).and_then(|value| value.downcast_mut()))
        })
    }

    /// A copy of the value of this type that this process keeps.
    #[must_use]
    pub fn get<T: Clone + Send + 'static>(&mut self) -> Option<T> {
        self.with(|value: Option<&mut T>| value.cloned()).flatten()
    }

    /// Takes the value of this type that this process keeps.
    pub fn erase<T: Send + 'static>(&mut self) -> Option<T> {
        let erased =
            process::with_locals(&self.process, |locals| locals.remove(&std::any::TypeId::of::<T>()))
                .flatten();
        erased.and_then(|value| value.downcast().ok()).map(|value| *value)
    }

    /// Gives back memory that this process does not need while it waits (OTP's `hibernate`, without its loss of the
    /// call stack): worth it before a long rest.
    pub fn hibernate(&mut self) {
        process::shrink(&self.process);
    }
}
