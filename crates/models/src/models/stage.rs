//! The stage of the models of tasks: an actor with the real inbox and mailbox, and a queue that finds a task in it twice.

use crate::cells::Mark;
use crate::exit::ExitReason;
use crate::mailbox::{Arrival, Mailbox};
use crate::process::AnyProcess;
use crate::protocol::Mail;
use crate::signal::{ControlSignal, Signal};
use crate::sync::AtomicU64;
use crate::task::{Code, Door, MailState, OwnCell, Program, Runnable, TaskRef, Untyped};
use engset_term::{NodeName, Pid};
use loom::thread::{self, JoinHandle, ThreadId};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// An actor that takes this message ends.
pub(super) const LAST: u32 = 99;

/// A run queue for one actor at a time, and what is known of it.
///
/// Its locks are those of the standard library, which a model does not see: what they guard is safe in the model only by
/// what is modelled.
#[derive(Default)]
pub(super) struct Stage {
    known: Mutex<Known>,
    queue: Mutex<VecDeque<Runnable>>,
    wakers: Mutex<Vec<Waker>>,
    tasks: Mutex<Vec<TaskRef<Actor>>>,
}

/// What the actors did.
#[derive(Default, Clone, Debug)]
pub(super) struct Known {
    /// Messages that were taken, in order.
    pub(super) taken: Vec<u32>,
    /// Control signals that were taken.
    pub(super) signals: usize,
    /// Messages that lay there when their actor left its door.
    pub(super) unacted: Vec<u32>,
    pub(super) runs: usize,
    pub(super) cancels: usize,
    /// By whom the code was dropped.
    pub(super) codes_dropped: Vec<ThreadId>,
    pub(super) programs_dropped: usize,
}

/// What an actor does in a run.
type Act = Box<dyn FnMut(&mut Turn<'_, '_>) -> Poll<()> + Send>;

/// A task with an inbox.
pub(super) struct Actor {
    stage: Arc<Stage>,
    door: Kept,
    /// Whether its right to run is in the queue, or it runs: it is one of them at a time.
    place: Mutex<Place>,
    mark: Mark,
    held: Mark,
}

/// An actor keeps its door until its memory is given back.
enum Kept {
    Shared { _door: Arc<Door> },
    Own(Door),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Queued,
    Running,
}

struct Play {
    stage: Arc<Stage>,
    act: Act,
    mark: Mark,
}

/// What only a run touches.
pub(super) struct Own {
    mailbox: Mailbox<u32>,
    mark: Mark,
}

/// One run.
pub(super) struct Turn<'a, 'b> {
    pub(super) task: &'a TaskRef<Actor>,
    own: &'a mut OwnCell<'b, Actor>,
    pub(super) waker: &'a Waker,
}

impl Stage {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Starts an actor behind a new door, idle.
    pub(super) fn idle(
        self: &Arc<Self>,
        act: impl FnMut(&mut Turn<'_, '_>) -> Poll<()> + Send + 'static,
    ) -> Arc<Door> {
        let door = Arc::new(Door::new());
        self.start(&door, act).schedule();
        self.run_all();
        door
    }

    /// An actor behind `door`, and the right to run it first.
    pub(super) fn start(
        self: &Arc<Self>,
        door: &Arc<Door>,
        act: impl FnMut(&mut Turn<'_, '_>) -> Poll<()> + Send + 'static,
    ) -> Runnable {
        self.make(Some(door), Kept::Shared { _door: Arc::clone(door) }, act)
    }

    /// An actor behind a door of its own, which only its wakers know, and the right to run it first.
    pub(super) fn start_alone(
        self: &Arc<Self>,
        act: impl FnMut(&mut Turn<'_, '_>) -> Poll<()> + Send + 'static,
    ) -> Runnable {
        self.make(None, Kept::Own(Door::new()), act)
    }

    fn make(
        self: &Arc<Self>,
        door: Option<&Door>,
        kept: Kept,
        act: impl FnMut(&mut Turn<'_, '_>) -> Poll<()> + Send + 'static,
    ) -> Runnable {
        let actor = Actor {
            stage: Arc::clone(self),
            door: kept,
            place: Mutex::new(Place::Nowhere),
            mark: Mark::new(),
            held: Mark::new(),
        };
        let own = Own { mailbox: Mailbox::new(), mark: Mark::new() };
        let play = Play { stage: Arc::clone(self), act: Box::new(act), mark: Mark::new() };
        TaskRef::start(door, actor, Arrival::new(), own, |task| {
            drop(task);
            play
        })
    }

    /// The next right to run.
    pub(super) fn next(&self) -> Option<Runnable> {
        locked(&self.queue).pop_front()
    }

    /// Runs what is in the queue, and what comes into it meanwhile.
    pub(super) fn run_all(&self) {
        while let Some(runnable) = self.next() {
            run(runnable);
        }
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        locked(&self.known)
    }

    /// Keeps a waker for [`Self::waker`].
    pub(super) fn keep(&self, waker: &Waker) {
        let waker = waker.clone();
        locked(&self.wakers).push(waker);
    }

    /// Keeps a reference to the task for [`Self::task`].
    pub(super) fn keep_task(&self, task: &TaskRef<Actor>) {
        locked(&self.tasks).push(task.clone());
    }

    /// Takes a reference that was kept.
    pub(super) fn task(&self) -> TaskRef<Actor> {
        locked(&self.tasks).pop().expect("a run has kept a reference")
    }

    /// Drops the wakers that were kept.
    pub(super) fn forget_wakers(&self) {
        let wakers = std::mem::take(&mut *locked(&self.wakers));
        drop(wakers);
    }

    /// Takes a waker that was kept.
    pub(super) fn waker(&self) -> Waker {
        locked(&self.wakers).pop().expect("a run has kept a waker")
    }
}

impl Drop for Stage {
    /// A model that fails must not fail once more: what it leaves is outside of any model.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let queue = std::mem::take(&mut *locked(&self.queue));
            queue.into_iter().map(ManuallyDrop::new).for_each(|_| ());
            let wakers = std::mem::take(&mut *locked(&self.wakers));
            wakers.into_iter().map(ManuallyDrop::new).for_each(|_| ());
        }
    }
}

/// Runs an actor as a worker does; nobody looks at what that one shows.
pub(super) fn run(runnable: Runnable) {
    runnable.run(&AtomicU64::new(0));
}

/// Sends to the actor of this generation; the message itself where there is none.
pub(super) fn send(door: &Door, generation: u32, message: u32) -> Result<(), u32> {
    let sent = door.visit(generation, |visit| {
        let parts = visit.typed::<Actor>().expect("only actors stand behind doors");
        parts.program.mark.touch();
        let mailbox = parts.own.map(|own| {
            own.mark.touch();
            &mut own.mailbox
        });
        let put = parts.inbox.push_message(mailbox, message);
        visit.was_put(put);
    });
    sent.ok_or(message)
}

/// A thread that sends these messages, none of which is refused.
pub(super) fn sends<const N: usize>(door: &Arc<Door>, generation: u32, messages: [u32; N]) -> JoinHandle<()> {
    let door = Arc::clone(door);
    thread::spawn(move || {
        for message in messages {
            send(&door, generation, message).unwrap();
        }
    })
}

/// Ends the first actor behind the door, and sees that all of it was given back.
pub(super) fn finish(stage: &Stage, door: &Door) {
    stage.forget_wakers();
    send(door, 0, LAST).unwrap();
    stage.run_all();
    stage.forget_wakers();
    let known = stage.known();
    assert_eq!((known.codes_dropped.len(), known.programs_dropped), (1, 1));
}

/// What an actor does that sends each message on to the actor behind `door`, less by one, until it is 0.
pub(super) fn forward(door: &Arc<Door>) -> impl FnMut(&mut Turn<'_, '_>) -> Poll<()> + Send + 'static {
    let door = Arc::clone(door);
    let mut sent = 0;
    move |turn| {
        let done = turn.receive();
        let taken = turn.task.stage.known().taken.clone();
        for message in &taken[sent..] {
            if let Some(less) = message.checked_sub(1) {
                send(&door, 0, less).unwrap();
            }
        }
        sent = taken.len();
        done
    }
}

/// Sends a signal that is urgent; whether there was an actor.
pub(super) fn signal(door: &Door, generation: u32) -> bool {
    let from = Pid::new(NodeName::NONODE, 1, 1, 0);
    let kill = Untyped::Control(Box::new(ControlSignal::Exit { from, reason: ExitReason::Kill }));
    door.visit(generation, |visit| visit.push_untyped(kill)).is_some()
}

impl Turn<'_, '_> {
    /// Takes what has come and what comes meanwhile; ready when the last message was there, or a signal.
    pub(super) fn receive(&mut self) -> Poll<()> {
        loop {
            if self.take().is_ready() {
                return Poll::Ready(());
            }
            if self.task.mail() == MailState::None {
                return Poll::Pending;
            }
            self.refill();
        }
    }

    /// Takes what was taken over, without looking whether more has come.
    pub(super) fn take(&mut self) -> Poll<()> {
        while let Some(signal) = self.own.with(|own| {
            own.mark.touch();
            own.mailbox.pop_fresh()
        }) {
            let mut known = self.task.stage.known();
            match signal {
                Signal::Mail(Mail::Message(LAST)) => return Poll::Ready(()),
                Signal::Mail(Mail::Message(message)) => known.taken.push(message),
                Signal::Control(_) => {
                    known.signals += 1;
                    return Poll::Ready(());
                }
                Signal::Mail(_) | Signal::Noted(_) | Signal::Encoded(_) | Signal::Marked(_) => {
                    unreachable!("models send no such signal")
                }
            }
        }
        self.own.with(|own| own.mailbox.calm_down());
        Poll::Pending
    }

    /// Whether an urgent signal was taken over.
    pub(super) fn is_urgent(&mut self) -> bool {
        self.own.with(|own| own.mailbox.is_urgent())
    }

    /// Leaves the door before the end of the run.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "only the run may let its task leave")]
    pub(super) fn leave(&mut self) {
        let left = self.task.leave(Arrival::take);
        assert_eq!(left.count(), 0, "models send nothing that could be here");
    }

    pub(super) fn refill(&mut self) {
        self.task.refill(self.own);
    }
}

impl Program for Actor {
    type Inbox = Arrival<u32>;
    type Own = Own;

    fn schedule(&self, runnable: Runnable, _again: bool) {
        let mut place = locked(&self.place);
        *place = match *place {
            Place::Nowhere => Place::Queued,
            Place::Queued | Place::Running => panic!("the task is {place:?} already"),
        };
        drop(place);
        locked(&self.stage.queue).push_back(runnable);
    }

    fn number(&self) -> u64 {
        1
    }

    fn own_door(&self) -> Option<&Door> {
        match &self.door {
            Kept::Shared { .. } => None,
            Kept::Own(door) => Some(door),
        }
    }

    fn enter(inbox: &mut Arrival<u32>, own: &mut Own, mail: MailState) {
        own.mailbox.take_over(inbox, mail);
    }

    fn any(&self) -> Option<&dyn AnyProcess> {
        None
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.stage.known().programs_dropped += 1;
    }
}

impl Code<Actor> for Play {
    fn run(
        mut self: Pin<&mut Self>,
        task: &TaskRef<Actor>,
        own: &mut OwnCell<'_, Actor>,
        waker: &Waker,
    ) -> Poll<()> {
        task.runs(true);
        self.mark.touch();
        self.stage.known().runs += 1;
        let done = (self.act)(&mut Turn { task, own: &mut *own, waker });
        task.runs(false);
        if done.is_ready() {
            self.leave(task, own);
        }
        done
    }

    fn cancel(self: Pin<&mut Self>, task: &TaskRef<Actor>, own: &mut OwnCell<'_, Actor>) {
        self.mark.touch();
        own.with(|own| own.mark.touch());
        self.stage.known().cancels += 1;
        self.leave(task, own);
    }
}

impl Actor {
    /// Touches what is touched again when the task is given back.
    pub(super) fn hold(&self) {
        self.held.touch();
    }

    /// Notes that a run begins or ends.
    fn runs(&self, begins: bool) {
        let mut place = locked(&self.place);
        *place = match (*place, begins) {
            (Place::Queued, true) => Place::Running,
            (Place::Running, false) => Place::Nowhere,
            (place, _) => panic!("a run begins or ends of a task that is {place:?}"),
        };
    }
}

impl Play {
    fn leave(&self, task: &TaskRef<Actor>, own: &mut OwnCell<'_, Actor>) {
        let arrived = task.leave(Arrival::take);
        let left = std::iter::from_fn(|| own.with(|own| own.mailbox.pop_fresh())).chain(arrived);
        let messages = left.filter_map(|signal| match signal {
            Signal::Mail(Mail::Message(message)) => Some(message),
            Signal::Mail(_)
            | Signal::Noted(_)
            | Signal::Encoded(_)
            | Signal::Marked(_)
            | Signal::Control(_) => None,
        });
        self.stage.known().unacted.extend(messages);
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        self.stage.known().codes_dropped.push(thread::current().id());
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
