//! One process: what others see of it, its own state, and the run of its code from birth to exit.

use crate::context::Cx;
use crate::current::{self, Current};
use crate::exit::{ExitReason, IntoExit};
use crate::lock::Lock;
use crate::mailbox::{Arrival, Mailbox};
use crate::panics;
use crate::processes::Processes;
use crate::protocol::{Mail, Protocol, Rejected};
use crate::signal::{ControlSignal, Dest, Encoded, Signal};
use crate::state::{Effect, State};
use crate::task::{Code, Door, MailState, OwnCell, Program, Runnable, TaskRef};
use engset_term::{Atom, Instant, Pid};
use pin_project_lite::pin_project;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// A process whose message type the caller does not know.
pub(crate) trait AnyProcess: Send + Sync + 'static {
    /// What can be seen of the process from outside now, where so many signals wait that it has not taken over.
    fn info(&self, arrived: usize) -> ProcessInfo;
    /// Notes a name that must be freed at the process's end; false when it is ending already.
    fn named(&self, name: Atom) -> bool;
    /// Forgets a name that was freed.
    fn unnamed(&self, name: &Atom);
}

/// What can be seen of a process from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The process.
    pub pid: Pid,
    /// Its registered names.
    pub names: Vec<Atom>,
    /// The processes linked to it.
    pub links: Vec<Pid>,
    /// How many monitors it holds on others.
    pub monitors: usize,
    /// How many monitors others hold on it.
    pub monitored_by: usize,
    /// Whether exit signals reach it as messages.
    pub trap_exit: bool,
    /// How many messages wait, in the mailbox and in the arrival queue.
    pub message_queue_len: usize,
}

/// What others may see of a process that receives messages of type `M`.
pub(crate) struct Process<M> {
    pid: Pid,
    pub(crate) processes: Arc<Processes>,
    /// Changed by the process only, apart from its names; looked at by anybody.
    relations: Lock<Relations>,
    /// How many messages waited in the mailbox when it last changed.
    waiting: AtomicUsize,
    message: std::marker::PhantomData<fn(M)>,
}

/// The relations of a process: nothing for one that never had any.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    state: Option<Box<State>>,
    has_ended: bool,
}

impl Relations {
    /// The relations, made where there were none.
    pub(crate) fn state(&mut self) -> &mut State {
        self.state.get_or_insert_default()
    }

    fn trap_exit(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.trap_exit)
    }
}

/// What only the process itself touches.
pub(crate) struct Own<M> {
    pub(crate) mailbox: Mailbox<M>,
    /// Set when a signal has decided that the process ends: its code never runs past the receive in which this turned
    /// out.
    exiting: Option<ExitReason>,
    deadline: Option<Instant>,
}

/// A process's code between its first and its last time slice.
pub(crate) type Me<M> = TaskRef<Process<M>>;

impl<M: Protocol> Process<M> {
    /// A process with this pid, behind `door`, that will run `body`. `prepare` makes its first relations.
    pub(crate) fn start<B, F>(
        pid: Pid,
        processes: &Arc<Processes>,
        door: &Door,
        prepare: impl FnOnce(&mut Relations),
        body: B,
    ) -> Runnable
    where
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let mut relations = Relations::default();
        prepare(&mut relations);
        let process = Self {
            pid,
            processes: Arc::clone(processes),
            relations: Lock::new(relations),
            waiting: AtomicUsize::new(0),
            message: std::marker::PhantomData,
        };
        let own = Own { mailbox: Mailbox::new(), exiting: None, deadline: None };
        TaskRef::start(Some(door), process, Arrival::new(), own, |task| Life::Born {
            cx: Some(Cx::new(task)),
            body: Some(body),
        })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The process's relations; only for the process itself, and for looking at them.
    pub(crate) fn relations<R>(&self, body: impl FnOnce(&mut Relations) -> R) -> R {
        self.relations.with(body)
    }

    /// Lets all signals that have arrived act; false when the process must end.
    fn drain(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>) -> bool {
        loop {
            while let Some(signal) = own.with(|own| own.mailbox.pop_fresh()) {
                let mail = self.take(own, signal);
                if let Some(mail) = mail {
                    own.with(|own| own.mailbox.push(mail));
                }
            }
            own.with(|own| own.mailbox.calm_down());
            if me.mail() == MailState::None {
                return own.with(|own| own.exiting.is_none());
            }
            me.refill(own);
        }
    }

    /// At the start of a time slice: lets signals act, and wakes what receives inside the process.
    #[inline(never)]
    fn look_around(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>) {
        if own.with(|own| own.mailbox.is_urgent()) || me.mail() == MailState::Urgent {
            self.drain(me, own);
        }
        own.with(|own| own.mailbox.wake_receiver());
    }

    /// Lets one signal act; the mail that it is, if it is one.
    #[inline(never)]
    fn take(&self, own: &mut OwnCell<'_, Self>, signal: Signal<M>) -> Option<Mail<M>> {
        match signal {
            Signal::Message(message) => Some(Mail::Message(message)),
            Signal::Encoded(encoded) => match self.decode(*encoded) {
                Ok(mail) => Some(mail),
                Err(rejected) => {
                    self.reject(&rejected);
                    None
                }
            },
            Signal::Control(signal) => {
                let mut effects = Vec::new();
                self.relations(|relations| relations.state().handle(self.pid, *signal, &mut effects));
                for effect in effects {
                    self.apply(own, effect);
                }
                None
            }
        }
    }

    /// Decodes what came from outside. A panic there must neither end the process nor lose the signals behind it.
    fn decode(&self, encoded: Encoded) -> Result<Mail<M>, Rejected> {
        let decoded = catch_unwind(AssertUnwindSafe(|| M::decode(encoded, &self.processes)));
        decoded.unwrap_or_else(|payload| Err(Rejected::Panicked(panics::reason(&*payload))))
    }

    fn apply(&self, own: &mut OwnCell<'_, Self>, effect: Effect) {
        match effect {
            Effect::Send(to, signal) => {
                self.processes.signal(self.pid, &Dest::Pid(to), signal);
            }
            Effect::Down(down) => own.with(|own| own.mailbox.push(Mail::Down(Box::new(down)))),
            Effect::Trapped(trapped) => own.with(|own| own.mailbox.push(Mail::Exit(Box::new(trapped)))),
            Effect::Exit(reason) => own.with(|own| {
                own.exiting.get_or_insert(reason);
            }),
        }
    }

    fn reject(&self, rejected: &Rejected) {
        self.processes.counters.rejected();
        tracing::warn!(pid = %self.pid, "{rejected}");
        if let Rejected::Call { caller, reference, reason } = rejected
            && self.relations(|relations| relations.state().unwatched_by(*reference, *caller))
        {
            let down = ControlSignal::Down { reference: *reference, reason: reason.clone() };
            self.processes.signal(self.pid, &Dest::Pid(*caller), down);
        }
    }

    /// Ends the process: frees its names and pid, drops what waits, tells links and watchers.
    fn finish(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>, reason: &ExitReason) {
        let mut state = self.relations(|relations| {
            relations.has_ended = true;
            relations.state.take()
        });
        let names = state.as_mut().map(|state| self.free_names(state)).unwrap_or_default();
        let mut unacted = me.leave(Arrival::take);
        self.processes.table.free(self.pid);
        if !reason.is_orderly() {
            self.report_crash(&names, reason);
        }
        if let Some(state) = state {
            self.tell(*state, reason);
        }
        let waiting = own.with(|own| own.mailbox.take_waiting());
        if let Some(waiting) = waiting {
            waiting.for_each(drop_quietly);
        }
        while let Some(signal) = own.with(|own| own.mailbox.pop_fresh()).or_else(|| unacted.next()) {
            match signal {
                Signal::Control(signal) => self.processes.bounce(&Dest::Pid(self.pid), *signal),
                Signal::Message(message) => drop_quietly(message),
                Signal::Encoded(encoded) => drop(encoded),
            }
        }
    }

    fn free_names(&self, state: &mut State) -> Vec<Atom> {
        let names = std::mem::take(&mut state.names);
        for name in &names {
            self.processes.registry.unregister(name, self.pid);
        }
        names
    }

    /// Tells links and watchers of the end.
    #[inline(never)]
    fn tell(&self, mut state: State, reason: &ExitReason) {
        for (to, signal) in state.finish(self.pid, reason) {
            self.processes.signal(self.pid, &to, signal);
        }
        if state.met_remote {
            self.processes.forget(self.pid);
        }
    }

    #[inline(never)]
    fn report_crash(&self, names: &[Atom], reason: &ExitReason) {
        self.processes.counters.crashed();
        tracing::error!(pid = %self.pid, ?names, "process ended: {reason}");
    }

    /// Drops the code with `clear`, then tells everybody. The process is the current one.
    fn end(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>, reason: &ExitReason, clear: impl FnOnce()) {
        current::with(|current| current.map(|current| current.dying.replace(Some(reason.clone()))));
        if catch_unwind(AssertUnwindSafe(clear)).is_err() {
            panics::report_in_drop(self.pid);
        }
        self.finish(me, own, reason);
    }

    fn note_waiting(&self, own: &Own<M>) {
        self.waiting.store(own.mailbox.len(), Ordering::Relaxed);
    }

    fn enter<R>(&self, own: &mut OwnCell<'_, Self>, body: impl FnOnce(&mut OwnCell<'_, Self>) -> R) -> R {
        let current = Current {
            processes: &self.processes,
            pid: self.pid,
            dying: RefCell::new(None),
            deadline: Cell::new(own.with(|own| own.deadline)),
        };
        let result = current::enter(&current, || body(own));
        own.with(|own| own.deadline = current.deadline.get());
        result
    }
}

/// Takes the first message that `select` wants, in a time slice of the process.
#[inline]
pub(crate) fn receive<M: Protocol, T>(
    me: &Me<M>,
    seen: &mut usize,
    select: &mut impl FnMut(Mail<M>) -> Result<T, Mail<M>>,
    waker: &Waker,
) -> Poll<T> {
    // A context that another process took away receives nothing.
    me.with_own(|own| receive_own(me, own, seen, select, waker)).unwrap_or(Poll::Pending)
}

#[inline]
fn receive_own<M: Protocol, T>(
    me: &Me<M>,
    own: &mut OwnCell<'_, Process<M>>,
    seen: &mut usize,
    select: &mut impl FnMut(Mail<M>) -> Result<T, Mail<M>>,
    waker: &Waker,
) -> Poll<T> {
    loop {
        if own.with(|own| !own.mailbox.is_plain()) {
            if let Some(chosen) = own.with(|own| own.mailbox.select(seen, select)) {
                return Poll::Ready(chosen);
            }
            if own.with(|own| own.mailbox.is_urgent()) {
                if !me.drain(me, own) {
                    return Poll::Pending;
                }
                continue;
            }
        }
        while let Some(signal) = own.with(|own| own.mailbox.pop_fresh()) {
            let mail = match signal {
                Signal::Message(message) => Mail::Message(message),
                signal => match me.take(own, signal) {
                    Some(mail) => mail,
                    None => continue,
                },
            };
            match select(mail) {
                Ok(chosen) => return Poll::Ready(chosen),
                Err(mail) => {
                    own.with(|own| own.mailbox.push(mail));
                    *seen += 1;
                }
            }
        }
        if own.with(|own| own.exiting.is_some()) {
            return Poll::Pending;
        }
        if me.mail() == MailState::None {
            if !me.is_own_waker(waker) {
                own.with(|own| own.mailbox.wake_on_mail(waker));
            }
            return Poll::Pending;
        }
        me.refill(own);
    }
}

/// Whether the process must end: its code never runs past the receive in which this turned out.
pub(crate) fn is_ending<M: Protocol>(me: &Me<M>) -> bool {
    me.with_own(|own| own.with(|own| own.exiting.is_some())).unwrap_or(true)
}

impl<M: Protocol> Program for Process<M> {
    type Inbox = Arrival<M>;
    type Own = Own<M>;

    fn schedule(&self, runnable: Runnable, again: bool) {
        self.processes.scheduler().schedule(runnable, again);
    }

    fn own_door(&self) -> Option<&Door> {
        None
    }

    fn enter(inbox: &mut Arrival<M>, own: &mut Own<M>) {
        own.mailbox.take_over(inbox);
    }

    fn any(&self) -> Option<&dyn AnyProcess> {
        Some(self)
    }
}

impl<M: Protocol> AnyProcess for Process<M> {
    fn info(&self, arrived: usize) -> ProcessInfo {
        self.relations(|relations| {
            let none = State::default();
            let state = relations.state.as_deref().unwrap_or(&none);
            let (monitors, monitored_by) = state.monitor_counts();
            ProcessInfo {
                pid: self.pid,
                names: state.names.clone(),
                links: state.links().collect(),
                monitors,
                monitored_by,
                trap_exit: relations.trap_exit(),
                message_queue_len: self.waiting.load(Ordering::Relaxed) + arrived,
            }
        })
    }

    fn named(&self, name: Atom) -> bool {
        self.relations(|relations| {
            if !relations.has_ended {
                relations.state().names.push(name);
            }
            !relations.has_ended
        })
    }

    fn unnamed(&self, name: &Atom) {
        self.relations(|relations| {
            if let Some(state) = &mut relations.state {
                state.names.retain(|held| held != name);
            }
        });
    }
}

pin_project! {
    /// A process's code, from what makes it to its end.
    #[project = LifeProjection]
    pub(crate) enum Life<M: Protocol, B, F> {
        Born { cx: Option<Cx<M>>, body: Option<B> },
        Alive { #[pin] code: F },
        Over,
    }
}

impl<M, B, F> Code<Process<M>> for Life<M, B, F>
where
    M: Protocol,
    B: FnOnce(Cx<M>) -> F + Send + 'static,
    F: Future<Output: IntoExit> + Send + 'static,
{
    fn run(
        mut self: Pin<&mut Self>,
        me: &Me<M>,
        own: &mut OwnCell<'_, Process<M>>,
        waker: &Waker,
    ) -> Poll<()> {
        me.enter(own, |own| {
            if own.with(|own| !own.mailbox.is_plain()) || me.mail() == MailState::Urgent {
                me.look_around(me, own);
            }
            let ended =
                if own.with(|own| own.exiting.is_some()) { None } else { self.as_mut().time_slice(waker) };
            let ended = own.with(|own| if own.exiting.is_some() { own.exiting.clone() } else { ended });
            match ended {
                Some(reason) => {
                    me.end(me, own, &reason, || self.set(Self::Over));
                    Poll::Ready(())
                }
                None => {
                    own.with(|own| me.note_waiting(own));
                    Poll::Pending
                }
            }
        })
    }

    fn cancel(mut self: Pin<&mut Self>, me: &Me<M>, own: &mut OwnCell<'_, Process<M>>) {
        me.enter(own, |own| me.end(me, own, &ExitReason::Killed, || self.set(Self::Over)));
    }
}

impl<M, B, F> Life<M, B, F>
where
    M: Protocol,
    B: FnOnce(Cx<M>) -> F,
    F: Future<Output: IntoExit>,
{
    /// Runs the code until it waits; how it ended, if it did.
    fn time_slice(mut self: Pin<&mut Self>, waker: &Waker) -> Option<ExitReason> {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let LifeProjection::Born { cx, body } = self.as_mut().project()
                && let (Some(cx), Some(body)) = (cx.take(), body.take())
            {
                let code = body(cx);
                self.set(Self::Alive { code });
            }
            match self.as_mut().project() {
                LifeProjection::Alive { code } => code.poll(&mut Context::from_waker(waker)),
                LifeProjection::Born { .. } | LifeProjection::Over => Poll::Pending,
            }
        }));
        match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(ended)) => Some(ended.into_exit()),
            Err(payload) => {
                let reason = panics::reason(&*payload);
                drop_quietly(payload);
                Some(reason)
            }
        }
    }
}

/// A destructor that panics must not keep the exit from being told. One value at a time: two panics at once abort.
fn drop_quietly<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("a message panicked while it was dropped");
    }
}
