//! One process: its arrival queue, its own state, and the future that runs its code from birth to exit.

use crate::context::Cx;
use crate::current::{self, Current};
use crate::exit::{ExitReason, IntoExit};
use crate::mailbox::{Arrival, Mailbox, Pushed};
use crate::panics;
use crate::processes::Processes;
use crate::protocol::{Mail, Protocol, Rejected};
use crate::signal::{ControlSignal, Dest, Encoded, Signal};
use crate::state::{Effect, State};
use engset_term::{Atom, Pid};
use parking_lot::{Mutex, MutexGuard};
use pin_project_lite::pin_project;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// A process whose message type the caller does not know.
pub(crate) trait AnyProcess: Send + Sync + 'static {
    /// The process's pid.
    fn pid(&self) -> Pid;
    /// Appends a control signal; gives it back when the process has ended.
    fn control(&self, signal: ControlSignal) -> Result<(), ControlSignal>;
    /// Appends an encoded message; false when the process has ended.
    fn encoded(&self, encoded: Encoded) -> bool;
    /// The process as a value whose type can be asked for.
    fn as_any(&self) -> &dyn Any;
    /// What can be seen of the process from outside now.
    fn info(&self) -> ProcessInfo;
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

/// A process that receives messages of type `M`.
pub(crate) struct Process<M> {
    pid: Pid,
    pub(crate) processes: Arc<Processes>,
    arrival: Arrival<M>,
    waker: OnceLock<Waker>,
    own: Mutex<Own<M>>,
    /// Whether a signal has decided that the process ends: a look at it saves the lock in every time slice.
    must_end: AtomicBool,
}

/// What only the process itself changes.
pub(crate) struct Own<M> {
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) state: State,
    names: Vec<Atom>,
    exiting: Option<ExitReason>,
    /// Kept between drains for its capacity.
    taken: Vec<Signal<M>>,
}

impl<M: Protocol> Process<M> {
    pub(crate) fn new(pid: Pid, processes: Arc<Processes>) -> Arc<Self> {
        let own = Own {
            mailbox: Mailbox::new(),
            state: State::default(),
            names: Vec::new(),
            exiting: None,
            taken: Vec::new(),
        };
        Arc::new(Self {
            pid,
            processes,
            arrival: Arrival::new(),
            waker: OnceLock::new(),
            own: Mutex::new(own),
            must_end: AtomicBool::new(false),
        })
    }

    /// The process's life as a future.
    pub(crate) fn run<B, F>(self: &Arc<Self>, body: B) -> impl Future<Output = ()> + Send + use<M, B, F>
    where
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let cx = Cx::new(Arc::clone(self));
        let current = Current {
            processes: Arc::clone(&self.processes),
            pid: self.pid,
            dying: RefCell::default(),
            deadline: Cell::default(),
        };
        let code = async move { body(cx).await.into_exit() };
        Life { process: Arc::clone(self), current: Some(current), code: Some(code) }
    }

    /// Sets what wakes the process, once, before its first time slice.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let was_unset = self.waker.set(waker).is_ok();
        debug_assert!(was_unset, "a process has one task");
    }

    pub(crate) fn push(&self, signal: Signal<M>) -> Result<(), Signal<M>> {
        if self.arrival.push(signal)? == Pushed::First
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
        Ok(())
    }

    /// The process's own state; only for the process itself, and for looking at it.
    pub(crate) fn own(&self) -> MutexGuard<'_, Own<M>> {
        self.own.lock()
    }

    /// Whether `waker` is the process's own.
    pub(crate) fn is_own_waker(&self, waker: &Waker) -> bool {
        self.waker.get().is_some_and(|own| own.will_wake(waker))
    }

    /// Whether the process must end: its code never runs past the receive in which this turned out.
    pub(crate) fn is_ending(&self) -> bool {
        self.must_end.load(Ordering::Acquire)
    }

    /// Why the process must end, if a signal decided so.
    fn ending(&self) -> Option<ExitReason> {
        if self.is_ending() { self.own.lock().exiting.clone() } else { None }
    }

    /// Lets all signals that have arrived act; false when the process must end.
    pub(crate) fn drain(&self, own: &mut Own<M>) -> bool {
        if own.exiting.is_some() {
            return false;
        }
        let mut taken = std::mem::take(&mut own.taken);
        if self.arrival.take(&mut taken) {
            for signal in taken.drain(..) {
                self.act(own, signal);
            }
        }
        own.taken = taken;
        own.exiting.is_none()
    }

    fn act(&self, own: &mut Own<M>, signal: Signal<M>) {
        match signal {
            Signal::Message(message) => own.mailbox.push(Mail::Message(message)),
            Signal::Encoded(encoded) => match self.decode(*encoded) {
                Ok(mail) => own.mailbox.push(mail),
                Err(rejected) => self.reject(own, &rejected),
            },
            Signal::Control(signal) => {
                let mut effects = Vec::new();
                own.state.handle(self.pid, *signal, &mut effects);
                for effect in effects {
                    self.apply(own, effect);
                }
            }
        }
    }

    /// Decodes what came from outside. A panic there must neither end the process nor lose the signals behind it.
    fn decode(&self, encoded: Encoded) -> Result<Mail<M>, Rejected> {
        let decoded = catch_unwind(AssertUnwindSafe(|| M::decode(encoded, &self.processes)));
        decoded.unwrap_or_else(|payload| Err(Rejected::Panicked(panics::reason(&*payload))))
    }

    fn apply(&self, own: &mut Own<M>, effect: Effect) {
        match effect {
            Effect::Send(to, signal) => {
                self.processes.signal(self.pid, &Dest::Pid(to), signal);
            }
            Effect::Down(down) => own.mailbox.push(Mail::Down(Box::new(down))),
            Effect::Trapped(trapped) => own.mailbox.push(Mail::Exit(Box::new(trapped))),
            Effect::Exit(reason) => {
                own.exiting.get_or_insert(reason);
                self.must_end.store(true, Ordering::Release);
            }
        }
    }

    fn reject(&self, own: &mut Own<M>, rejected: &Rejected) {
        self.processes.counters.rejected();
        tracing::warn!(pid = %self.pid, "{rejected}");
        if let Rejected::Call { caller, reference, reason } = rejected
            && own.state.unwatched_by(*reference, *caller)
        {
            let down = ControlSignal::Down { reference: *reference, reason: reason.clone() };
            self.processes.signal(self.pid, &Dest::Pid(*caller), down);
        }
    }

    /// Ends the process: frees its names and pid, drops what waits, tells links and watchers.
    fn finish(&self, reason: &ExitReason) {
        let unacted = self.arrival.close();
        let (names, mut state, mailbox) = {
            let mut own = self.own.lock();
            own.exiting = Some(reason.clone());
            let mailbox = std::mem::replace(&mut own.mailbox, Mailbox::new());
            (std::mem::take(&mut own.names), std::mem::take(&mut own.state), mailbox)
        };
        for name in &names {
            self.processes.registry.unregister(name, self.pid);
        }
        self.processes.table.remove(self.pid);
        if !reason.is_orderly() {
            self.processes.counters.crashed();
            tracing::error!(pid = %self.pid, ?names, "process ended: {reason}");
        }
        for (to, signal) in state.finish(self.pid, reason) {
            self.processes.signal(self.pid, &to, signal);
        }
        for signal in unacted {
            match signal {
                Signal::Control(signal) => self.processes.bounce(&Dest::Pid(self.pid), *signal),
                Signal::Message(message) => drop_quietly(message),
                Signal::Encoded(encoded) => drop(encoded),
            }
        }
        if state.met_remote {
            self.processes.forget(self.pid);
        }
        mailbox.into_waiting().for_each(drop_quietly);
    }
}

impl<M: Protocol> AnyProcess for Process<M> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn control(&self, signal: ControlSignal) -> Result<(), ControlSignal> {
        match self.push(Signal::Control(Box::new(signal))) {
            Err(Signal::Control(signal)) => Err(*signal),
            Err(Signal::Message(_) | Signal::Encoded(_)) | Ok(()) => Ok(()),
        }
    }

    fn encoded(&self, encoded: Encoded) -> bool {
        self.push(Signal::Encoded(Box::new(encoded))).is_ok()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn info(&self) -> ProcessInfo {
        let own = self.own.lock();
        let (monitors, monitored_by) = own.state.monitor_counts();
        ProcessInfo {
            pid: self.pid,
            names: own.names.clone(),
            links: own.state.links().collect(),
            monitors,
            monitored_by,
            trap_exit: own.state.trap_exit,
            message_queue_len: own.mailbox.len() + self.arrival.len(),
        }
    }

    fn named(&self, name: Atom) -> bool {
        let mut own = self.own.lock();
        if own.exiting.is_some() {
            return false;
        }
        own.names.push(name);
        true
    }

    fn unnamed(&self, name: &Atom) {
        self.own.lock().names.retain(|held| held != name);
    }
}

pin_project! {
    /// A process's code between its first and its last time slice.
    struct Life<M: Protocol, F> {
        process: Arc<Process<M>>,
        current: Option<Current>,
        #[pin]
        code: Option<F>,
    }

    impl<M: Protocol, F> PinnedDrop for Life<M, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Still there when the scheduler drops a process that has not ended.
            if let Some(current) = this.current.take() {
                current::enter(current, || end(this.process, this.code.as_mut(), &ExitReason::Killed));
            }
        }
    }
}

impl<M: Protocol, F: Future<Output = ExitReason>> Future for Life<M, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(current) = this.current.take() else { return Poll::Ready(()) };
        let process = &**this.process;
        let (current, ended) = current::enter(current, || {
            let reason = time_slice(process, this.code.as_mut(), task)?;
            end(process, this.code.as_mut(), &reason);
            Some(())
        });
        if ended.is_some() {
            return Poll::Ready(());
        }
        *this.current = Some(current);
        Poll::Pending
    }
}

/// Drops the code, then tells everybody. The process is the current one.
fn end<M: Protocol, F>(process: &Process<M>, mut code: Pin<&mut Option<F>>, reason: &ExitReason) {
    current::with(|current| current.map(|current| current.dying.replace(Some(reason.clone()))));
    let dropped = catch_unwind(AssertUnwindSafe(|| code.set(None)));
    if dropped.is_err() {
        panics::report_in_drop(process.pid);
    }
    process.finish(reason);
}

/// Lets signals act, then runs the code until it waits; why the process must end, if it must.
fn time_slice<M: Protocol, F: Future<Output = ExitReason>>(
    process: &Process<M>,
    code: Pin<&mut Option<F>>,
    task: &mut Context<'_>,
) -> Option<ExitReason> {
    if !process.arrival.is_empty() {
        process.drain(&mut process.own());
    }
    if let Some(reason) = process.ending() {
        return Some(reason);
    }
    let code = code.as_pin_mut()?;
    let polled = catch_unwind(AssertUnwindSafe(|| code.poll(task)));
    match polled {
        Err(payload) => {
            let reason = panics::reason(&*payload);
            drop_quietly(payload);
            Some(reason)
        }
        Ok(polled) => process.ending().or(match polled {
            Poll::Ready(reason) => Some(reason),
            Poll::Pending => None,
        }),
    }
}

/// A destructor that panics must not keep the exit from being told. One value at a time: two panics at once abort.
fn drop_quietly<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("a message panicked while it was dropped");
    }
}
