//! One process: what others see of it, its own state, and the run of its code from birth to exit.

mod any;
mod own;
mod rare;
mod telling;

use crate::context::Cx;
use crate::crash;
use crate::current::{self, Current};
use crate::exit::{ExitReason, IntoExit};
use crate::info::{Behaviour, Callback, ProcessInfo};
use crate::lock::Lock;
use crate::mailbox::{Arrival, Mailbox, Put};
use crate::overload::{Guard, Load, MailboxLimits, Room, Verdict};
use crate::panics;
use crate::processes::Processes;
use crate::protocol::{Mail, Protocol, Rejected};
use crate::scheduler::{Turn, unboxed};
use crate::signal::{ControlSignal, Dest, Encoded, Marked, Noted, Signal};
use crate::state::{Effect, Effects, State};
use crate::task::{Code, Door, MailState, OwnCell, Parts, Program, Runnable, TaskRef};
use crate::waits::Waits;
use engset_term::{Atom, NodeName, Pid};
use own::size_of_mail;
use pin_project_lite::pin_project;
use rare::Rare;
use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

pub(crate) use any::{AnyProcess, Seen};
pub(crate) use own::{SavePoint, discard, is_ending, receive, shrink, waits_for_turn, with_locals};

/// So many messages a process receives in one time slice before others have their turn.
pub const SLICE_MESSAGES: u32 = 1_024;

/// What others may see of a process that receives messages of type `M`.
///
/// What each sender looks at comes first, what each run writes comes last: see the order of a task's parts.
#[repr(C)]
pub(crate) struct Process<M> {
    guard: Option<Box<Guard>>,
    pub(crate) waits: Waits,
    pub(crate) processes: Arc<Processes>,
    /// Id and serial.
    pid: u64,
    /// Id and serial, or 0.
    parent: u64,
    initial_call: fn() -> &'static str,
    /// Changed by the process only, apart from its names; looked at by anybody.
    relations: Lock<Relations>,
    slices: AtomicU32,
    /// Changed under the lock of the relations.
    has_ended: AtomicBool,
    /// A [`Callback`], or 0. Only the process changes it.
    callback: AtomicU8,
    /// A [`Behaviour`], or 0. Only the process changes it.
    behaviour: AtomicU8,
    /// How many messages have left the mailbox. Only the process adds.
    messages_out: AtomicU64,
    message: std::marker::PhantomData<fn(M)>,
}

/// What a process is born with.
pub(crate) struct Birth<'a> {
    pub(crate) pid: Pid,
    pub(crate) parent: Option<Pid>,
    pub(crate) initial_call: fn() -> &'static str,
    pub(crate) processes: &'a Arc<Processes>,
    pub(crate) limits: Option<MailboxLimits>,
    /// Whether it has a trace token from its beginning.
    pub(crate) is_traced: bool,
}

/// The relations of a process: nothing for one that never had any.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    state: Option<Box<State>>,
}

impl Relations {
    /// The relations, made where there were none.
    pub(crate) fn state(&mut self) -> &mut State {
        self.state.get_or_insert_default()
    }
}

/// What is a process's own: touched by its runs, and by who brings a message while it does not run.
pub(crate) struct Own<M> {
    pub(crate) mailbox: Mailbox<M>,
    rare: Option<Box<Rare>>,
}

impl<M> Own<M> {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn exiting(&self) -> Option<&ExitReason> {
        self.rare.as_ref().and_then(|rare| rare.exiting.as_ref())
    }
}

/// Values of the process's own, one of each type.
type Locals = HashMap<TypeId, Box<dyn Any + Send>>;

/// Bytes that a link or a monitor takes, about.
const ENTRY_BYTES: usize = 64;

/// A reference to a process, as its own context has it.
pub(crate) type Me<M> = TaskRef<Process<M>>;

impl<M: Protocol> Process<M> {
    /// A process that will run `body`, behind `door`. `prepare` makes its first relations.
    pub(crate) fn start<B, F>(
        birth: &Birth<'_>,
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
        let group_leader = relations.state.as_ref().and_then(|state| state.group_leader);
        let process = Self {
            pid: birth.pid.number(),
            parent: birth.parent.map_or(0, Pid::number),
            initial_call: birth.initial_call,
            processes: Arc::clone(birth.processes),
            relations: Lock::new(relations),
            messages_out: AtomicU64::new(0),
            slices: AtomicU32::new(0),
            has_ended: AtomicBool::new(false),
            callback: AtomicU8::new(0),
            behaviour: AtomicU8::new(0),
            guard: birth.limits.map(|limits| Box::new(Guard::new(limits))),
            waits: Waits::default(),
            message: std::marker::PhantomData,
        };
        let mut mailbox = Mailbox::new();
        if birth.is_traced {
            mailbox.begin_traced();
        }
        let is_rare = group_leader.is_some() || birth.is_traced;
        let rare = || Box::new(Rare { group_leader, is_traced: birth.is_traced, ..Rare::default() });
        let own = Own { mailbox, rare: is_rare.then(rare) };
        TaskRef::start(Some(door), process, Arrival::new(), own, |task| Life::Born {
            cx: Some(Cx::new(task)),
            body: Some(body),
        })
    }

    #[inline]
    pub(crate) fn pid(&self) -> Pid {
        self.processes.pid_of_number(self.pid)
    }

    /// The process of this node that started it.
    pub(crate) fn starter(&self) -> Option<Pid> {
        (self.parent != 0).then(|| self.processes.pid_of_number(self.parent))
    }

    /// Whether its mailbox has limits.
    pub(crate) fn has_guard(&self) -> bool {
        self.guard.is_some()
    }

    /// The process's relations; only for the process itself, and for looking at them.
    pub(crate) fn relations<R>(&self, body: impl FnOnce(&mut Relations) -> R) -> R {
        self.relations.with(body)
    }

    /// Notes that so many messages have left the mailbox.
    #[inline]
    fn count_out(&self, messages: u64) {
        let out = self.messages_out.load(Ordering::Relaxed);
        self.messages_out.store(out.wrapping_add(messages), Ordering::Relaxed);
    }

    /// Notes that a message has left the mailbox for the process.
    #[inline]
    fn received(&self, bytes: impl FnOnce() -> usize) {
        self.count_out(1);
        if let Some(guard) = &self.guard {
            self.made_room(guard, bytes());
        }
    }

    #[inline(never)]
    fn made_room(&self, guard: &Guard, bytes: usize) {
        guard.bytes_out.store(guard.bytes_out.load(Ordering::Relaxed).wrapping_add(bytes), Ordering::Relaxed);
        guard.wake_waiters();
        if guard.is_above.load(Ordering::Relaxed) {
            let waiting = self.processes.queue_len(self.pid()).unwrap_or(0);
            if waiting <= guard.limits.low && guard.is_above.swap(false, Ordering::Relaxed) {
                self.processes.report_long_queue(self.pid(), waiting, false);
            }
        }
    }

    /// What waits, by what came in.
    fn load(&self, guard: &Guard, messages_in: u64) -> Load {
        let messages = messages_in.wrapping_sub(self.messages_out.load(Ordering::Relaxed));
        Load {
            // What is dropped when the process looks next does not count any more.
            messages: usize::try_from(messages)
                .unwrap_or(0)
                .saturating_sub(guard.excess.load(Ordering::Relaxed)),
            bytes: guard.bytes(),
        }
    }

    /// Drops the messages that were too many, the oldest first. Signals among them act.
    #[inline(never)]
    fn drop_excess(&self, me: &Me<M>, guard: &Guard, own: &mut OwnCell<'_, Self>) {
        let mut left = guard.excess.swap(0, Ordering::AcqRel);
        while left > 0 {
            let oldest = own.with(|own| own.mailbox.pop_oldest());
            let mail = match oldest {
                Some(mail) => mail,
                None => match own.with(|own| own.mailbox.pop_fresh()) {
                    Some(signal) => {
                        let out = self.messages_out.load(Ordering::Relaxed);
                        match self.take(me, own, signal) {
                            Some(mail) => mail,
                            None => {
                                // One that is refused has made room as well; others have acted, or wait elsewhere.
                                left -= usize::from(self.messages_out.load(Ordering::Relaxed) != out);
                                continue;
                            }
                        }
                    }
                    None if me.mail() == MailState::None => return,
                    None => {
                        me.refill(own);
                        continue;
                    }
                },
            };
            left -= 1;
            guard.dropped.fetch_add(1, Ordering::Relaxed);
            self.processes.counters.dropped();
            self.received(|| size_of_mail(&mail));
            drop_quietly(mail);
        }
    }

    /// Lets all signals that have arrived act; false when the process must end. What comes after the signal that ends
    /// it comes to a process that is not there: [`finish`](Self::finish) answers it.
    fn drain(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>) -> bool {
        loop {
            while let Some(signal) = own.with(|own| own.mailbox.pop_fresh()) {
                let mail = self.take(me, own, signal);
                if let Some(mail) = mail {
                    own.with(|own| own.mailbox.push(mail));
                } else if own.with(|own| own.exiting().is_some()) {
                    return false;
                }
            }
            own.with(|own| own.mailbox.calm_down());
            if me.mail() == MailState::None {
                return own.with(|own| own.exiting().is_none());
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
    fn take(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>, signal: Signal<M>) -> Option<Mail<M>> {
        match signal {
            Signal::Mail(mail) => Some(mail),
            Signal::Noted(noted) => {
                let Noted { message, mark } = *noted;
                own.with(|own| own.mailbox.push_marked(Mail::Message(message), mark));
                None
            }
            Signal::Encoded(encoded) => {
                let bytes = encoded.payload.len();
                let decoded = self.decode(unboxed(encoded));
                if let Some(guard) = &self.guard {
                    // From now on the value counts, not its encoding.
                    let size = decoded.as_ref().map_or(0, size_of_mail);
                    let change = bytes.wrapping_sub(size);
                    guard.bytes_out.store(
                        guard.bytes_out.load(Ordering::Relaxed).wrapping_add(change),
                        Ordering::Relaxed,
                    );
                }
                let mail = match decoded {
                    Ok(mail) => Some(mail),
                    Err(rejected) => {
                        self.count_out(1);
                        self.reject(&rejected);
                        None
                    }
                };
                if let Some(guard) = &self.guard {
                    // What is smaller than its encoding, or refused, makes room, too.
                    guard.wake_waiters();
                }
                mail
            }
            Signal::Marked(marked) => {
                let Marked { encoded, mark } = *marked;
                let mail = self.take(me, own, Signal::Encoded(Box::new(encoded)))?;
                own.with(|own| own.mailbox.push_marked(mail, mark));
                None
            }
            Signal::Control(signal)
                if own.with(|own| own.mailbox.has_returned) && self.comes_too_late(&signal) =>
            {
                None
            }
            Signal::Control(signal) => {
                let mut effects = Effects::new();
                self.relations(|relations| relations.state().handle(self.pid(), *signal, &mut effects));
                for effect in effects {
                    self.apply(me, own, effect);
                }
                None
            }
        }
    }

    /// Whether a signal that found the process's code at its end would have changed that end.
    fn comes_too_late(&self, signal: &ControlSignal) -> bool {
        match signal {
            ControlSignal::Exit { from, .. }
            | ControlSignal::LinkExit { from, .. }
            | ControlSignal::TracedLinkExit { from, .. } => *from != self.pid(),
            ControlSignal::NodeDown { .. } => true,
            _ => false,
        }
    }

    /// Decodes what came from outside. A panic there must neither end the process nor lose the signals behind it.
    fn decode(&self, encoded: Encoded) -> Result<Mail<M>, Rejected> {
        let decoded = catch_unwind(AssertUnwindSafe(|| M::decode(encoded, &self.processes)));
        decoded.unwrap_or_else(|payload| Err(Rejected::Panicked(panics::reason(&*payload))))
    }

    fn apply(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>, effect: Effect) {
        match effect {
            Effect::Send(to, signal) => {
                self.processes.signal(self.pid(), &Dest::Pid(to), signal);
            }
            Effect::Signal(to, signal) => {
                self.processes.signal(self.pid(), &to, signal);
            }
            Effect::Down(down) => {
                me.with_inbox(|inbox| inbox.messages_in += 1);
                own.with(|own| own.mailbox.push(Mail::Down(Box::new(down))));
            }
            Effect::Trapped(trapped) => {
                me.with_inbox(|inbox| inbox.messages_in += 1);
                own.with(|own| own.mailbox.push(Mail::Exit(Box::new(trapped))));
            }
            Effect::TracedTrapped(trapped, token) => {
                me.with_inbox(|inbox| inbox.messages_in += 1);
                own.with(|own| own.mailbox.push_traced(Mail::Exit(Box::new(trapped)), *token));
            }
            Effect::GroupLeader(leader) => {
                own.with(|own| own.rare().group_leader = Some(leader));
                current::with(|current| current.map(|current| current.group_leader.set(Some(leader))));
            }
            Effect::CloseAlias(alias) => {
                self.processes.aliases().close(alias);
            }
            Effect::Exit(reason) => own.with(|own| {
                own.rare().exiting.get_or_insert(reason);
            }),
        }
    }

    fn reject(&self, rejected: &Rejected) {
        self.processes.counters.rejected();
        tracing::warn!(pid = %self.pid(), "{rejected}");
        if let Rejected::Call { caller, reference, reason } = rejected
            && self.relations(|relations| relations.state().unwatched_by(*reference, *caller))
        {
            let down = ControlSignal::Down { reference: *reference, reason: reason.clone() };
            self.processes.signal(self.pid(), &Dest::Pid(*caller), down);
        }
    }

    /// Ends the process: frees its names and pid, drops what waits, tells links and watchers.
    fn finish(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>, reason: &ExitReason) {
        if self.processes.is_crash(reason) && !self.ends_quietly() {
            let by_signal = own.with(|own| own.exiting().is_some());
            self.report_crash(reason, by_signal);
        }
        let mut state = self.relations(|relations| {
            self.has_ended.store(true, Ordering::Relaxed);
            relations.state.take()
        });
        if let Some(state) = &mut state {
            self.free_names(state);
        }
        let mut unacted = me.leave(Arrival::take);
        self.processes.table.free(self.pid());
        if let Some(state) = state {
            self.tell(*state, reason);
        }
        let mut dropped = 0;
        self.processes.traced().ended(self.pid());
        let waiting = own.with(|own| own.mailbox.take_waiting());
        if let Some(waiting) = waiting {
            for mail in waiting {
                dropped += 1;
                drop_quietly(mail);
            }
        }
        while let Some(signal) = own.with(|own| own.mailbox.pop_fresh()).or_else(|| unacted.next()) {
            match signal {
                Signal::Control(signal) => self.processes.bounce(&Dest::Pid(self.pid()), *signal),
                Signal::Mail(mail) => {
                    dropped += 1;
                    drop_quietly(mail);
                }
                Signal::Noted(noted) => {
                    dropped += 1;
                    drop_quietly(noted);
                }
                signal @ (Signal::Encoded(_) | Signal::Marked(_)) => {
                    dropped += 1;
                    drop(signal);
                }
            }
        }
        if dropped > 0 {
            self.processes.counters.unreceived(dropped);
        }
        if let Some(guard) = &self.guard {
            guard.wake_waiters();
        }
    }

    #[inline(never)]
    fn ends_quietly(&self) -> bool {
        self.relations(|relations| relations.state.as_ref().is_some_and(|state| state.ends_quietly))
    }

    fn free_names(&self, state: &mut State) {
        for name in std::mem::take(&mut state.names) {
            self.processes.registry.unregister(&name, self.pid());
        }
    }

    /// Tells links and watchers of the end.
    #[inline(never)]
    fn tell(&self, mut state: State, reason: &ExitReason) {
        for alias in std::mem::take(&mut state.aliases) {
            self.processes.aliases().close(alias);
        }
        for (to, signal) in state.finish(self.pid(), reason) {
            let signal = self.processes.with_token(self.pid(), signal);
            self.processes.signal(self.pid(), &to, signal);
        }
        if state.met_remote {
            self.processes.forget(self.pid(), None);
        }
    }

    #[inline(never)]
    fn report_crash(&self, reason: &ExitReason, by_signal: bool) {
        self.processes.counters.crashed();
        if crash::is_wanted()
            && let Some(info) = self.processes.info(self.pid())
        {
            crash::report(&self.processes, &info, (reason, by_signal));
        }
    }

    /// Drops the code with `clear`, then tells everybody. The process is the current one.
    fn end(&self, me: &Me<M>, own: &mut OwnCell<'_, Self>, reason: &ExitReason, clear: impl FnOnce()) {
        current::with(|current| current.map(|current| current.dying.replace(Some(reason.clone()))));
        if catch_unwind(AssertUnwindSafe(clear)).is_err() {
            panics::report_in_drop(self.pid());
        }
        self.finish(me, own, reason);
    }

    #[inline]
    fn enter<R>(&self, own: &mut OwnCell<'_, Self>, body: impl FnOnce(&mut OwnCell<'_, Self>) -> R) -> R {
        let current = Current {
            processes: &self.processes,
            pid: self.pid(),
            dying: RefCell::new(None),
            deadline: Cell::new(None),
            caller: Cell::new(0),
            caller_away: Cell::new(None),
            group_leader: Cell::new(None),
            crash: RefCell::new(None),
            waits: &self.waits,
            polled_call: Cell::new(false),
            busy_with: Cell::new(None),
            answers: Cell::new(0),
            is_traced: Cell::new(false),
        };
        own.with(|own| {
            if let Some(rare) = &own.rare {
                rare.show(&current);
            }
        });
        let result = current::enter(&current, || body(own));
        own.with(|own| {
            // Nearly always there is none: a request is served within a time slice.
            let is_rare = current.deadline.get().is_some()
                || current.caller.get() != 0
                || current.answers.get() != 0
                || current.is_traced.get()
                || current.busy_with.get().is_some();
            if is_rare || own.rare.is_some() {
                own.rare().note(&current);
            }
        });
        if self.waits.is_calling() {
            self.note_wait(own, current.polled_call.get());
        }
        result
    }

    /// Whether the process has sent so much to a node that it waits; `waker` is woken when that may have changed.
    #[inline]
    fn is_suspended(&self, waker: &Waker) -> bool {
        let busy_with = current::with(|current| current.and_then(|current| current.busy_with.get()));
        busy_with.is_some_and(|node| self.is_still_busy(node, waker))
    }

    #[inline(never)]
    fn is_still_busy(&self, node: NodeName, waker: &Waker) -> bool {
        let is_busy = self.processes.is_busy_with(self.pid(), node, waker);
        if !is_busy {
            current::with(|current| current.map(|current| current.busy_with.set(None)));
        }
        is_busy
    }

    /// Notes at the end of a time slice in a call whether the process waits for anything else.
    #[inline(never)]
    fn note_wait(&self, own: &mut OwnCell<'_, Self>, polled_call: bool) {
        let listens = own.with(|own| own.mailbox.has_listened || own.mailbox.has_receiver());
        self.waits.slice_ended(polled_call && !listens);
    }
}

impl<M: Protocol> Parts<'_, Process<M>> {
    /// Puts a message into the mailbox, or before it while the process runs.
    #[inline]
    pub(crate) fn push(self, message: M) -> Put {
        self.inbox.push_message(self.own.map(|own| &mut own.mailbox), message)
    }
}

impl<M: Protocol> Program for Process<M> {
    type Inbox = Arrival<M>;
    type Own = Own<M>;

    fn schedule(&self, runnable: Runnable, again: bool) {
        let turn = if again { Turn::Last } else { Turn::Next(self.pid) };
        self.processes.scheduler().schedule(runnable, turn);
    }

    fn number(&self) -> u64 {
        self.pid
    }

    fn own_door(&self) -> Option<&Door> {
        None
    }

    fn enter(inbox: &mut Arrival<M>, own: &mut Own<M>, mail: MailState) {
        own.mailbox.take_over(inbox, mail);
    }

    fn any(&self) -> Option<&dyn AnyProcess> {
        Some(self)
    }
}

impl<M: Protocol> AnyProcess for Process<M> {
    fn info(&self, seen: Seen) -> ProcessInfo {
        let received = self.messages_out.load(Ordering::Relaxed);
        let waiting = usize::try_from(seen.messages_in.wrapping_sub(received)).unwrap_or(0);
        let guard = self.guard.as_deref();
        let bytes = guard.map_or(waiting * size_of::<M>(), |guard| guard.bytes());
        self.relations(|relations| {
            let none = State::default();
            let state = relations.state.as_deref().unwrap_or(&none);
            let tables = if relations.state.is_some() { size_of::<State>() } else { 0 };
            ProcessInfo {
                pid: self.pid(),
                status: seen.status,
                names: state.names.clone(),
                label: state.label.as_deref().map(str::to_owned),
                initial_call: (self.initial_call)(),
                behaviour: Behaviour::from_byte(self.behaviour.load(Ordering::Relaxed)),
                callback: Callback::from_byte(self.callback.load(Ordering::Relaxed)),
                ancestors: Vec::new(),
                group_leader: state.group_leader,
                links: state.links().collect(),
                monitors: state.monitoring().collect(),
                monitored_by: state.watchers().collect(),
                trap_exit: state.trap_exit,
                message_queue_len: waiting,
                message_queue_bytes: bytes,
                messages_received: received,
                messages_refused: guard.map_or(0, |guard| guard.refused.load(Ordering::Relaxed)),
                messages_dropped: guard.map_or(0, |guard| guard.dropped.load(Ordering::Relaxed)),
                reductions: u64::from(self.slices.load(Ordering::Relaxed)),
                memory: seen.size + tables + state.len() * ENTRY_BYTES + bytes,
            }
        })
    }

    fn parent(&self) -> Option<Pid> {
        self.starter()
    }

    fn admit(&self, messages_in: u64, bytes: usize) -> Verdict {
        let Some(guard) = &self.guard else { return Verdict::Take };
        let load = self.load(guard, messages_in);
        let verdict = guard.limits.decide(load, bytes);
        match verdict {
            Verdict::Take | Verdict::DropOldest => guard.take_in(bytes),
            Verdict::Refuse => drop(guard.refused.fetch_add(1, Ordering::Relaxed)),
            Verdict::DropNewest => drop(guard.dropped.fetch_add(1, Ordering::Relaxed)),
        }
        if verdict == Verdict::DropOldest {
            guard.excess.fetch_add(1, Ordering::AcqRel);
        }
        verdict
    }

    fn wait_for_room(&self, messages_in: u64, bytes: usize, waker: &Waker) -> Room {
        let Some(guard) = &self.guard else { return Room::Perhaps };
        guard.wait(bytes, waker, || self.load(guard, messages_in))
    }

    fn guard(&self) -> Option<&Guard> {
        self.guard.as_deref()
    }

    fn group_leader(&self) -> Option<Pid> {
        self.relations(|relations| relations.state.as_ref().and_then(|state| state.group_leader))
    }

    fn waits(&self) -> &Waits {
        &self.waits
    }

    fn named(&self, name: Atom) -> bool {
        self.relations(|relations| {
            let is_there = !self.has_ended.load(Ordering::Relaxed);
            if is_there {
                relations.state().names.push(name);
            }
            is_there
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
            me.slices.store(me.slices.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            own.with(|own| {
                own.mailbox.left = SLICE_MESSAGES;
                own.mailbox.has_listened = false;
            });
            if own.with(|own| !own.mailbox.is_plain()) || me.mail() == MailState::Urgent {
                me.look_around(me, own);
            }
            let is_ending = own.with(|own| own.exiting().is_some());
            if !is_ending && me.is_suspended(waker) {
                return Poll::Pending;
            }
            let ended = if is_ending { None } else { self.as_mut().time_slice(waker) };
            if ended.is_none() && own.with(|own| own.exiting().is_none()) {
                return Poll::Pending;
            }
            if ended.is_some() && me.mail() == MailState::Urgent {
                // What it sent to itself acts before its end.
                own.with(|own| own.mailbox.has_returned = true);
                me.drain(me, own);
            }
            let ended = own.with(|own| own.exiting().cloned()).or(ended);
            match ended {
                Some(reason) => {
                    me.end(me, own, &reason, || self.set(Self::Over));
                    Poll::Ready(())
                }
                None => Poll::Pending,
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
