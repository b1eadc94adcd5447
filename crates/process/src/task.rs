//! A task: one allocation with a counted header, what others may see, an inbox, what is
//! its own, and the code. And its door, the one lock by which anybody reaches it.
//!
//! A door outlives its task: it stands in a table that is never given back while the node lives, and says by a
//! generation whether the task that somebody means is still behind it. So a send costs one lock: it finds the task,
//! keeps it alive, puts the message into the inbox (or with what is the task's own, while it does not run), and decides whether the task must be scheduled.
//!
//! The life of a task, changed under its door's lock only:
//!
//! ```text
//! Idle ──wake──► Scheduled ──run──► Running ──pending──► Idle
//!                    ▲                 │ mail, waker
//!                    │                 ▼
//!                    └─pending── Mail, Woken ──ready──► behind no door any more
//! ```
//!
//! A [`Runnable`] exists while a task is `Scheduled`: it is the right and the duty to run it once. The one reference
//! that a task begins with belongs to its life and is given back by the run in which it ends.
//!
//! Where nobody can get at the place in which a runnable lies, its worker being stuck, [`Door::rescue`] makes one more,
//! with a reference of its own. Whichever comes first runs the task; the other one finds it not `Scheduled`, or over, and
//! gives that reference back. There are as many extra ones as such places at most, so one is always where it is run.

#![expect(unsafe_code, reason = "one allocation for a task whose types only its vtable knows")]

#[path = "task/waker.rs"]
mod waker;

use crate::cells;
use crate::lock::Lock;
use crate::mailbox::Put;
use crate::process::AnyProcess;
use crate::sync::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, UnsafeCell, thread_local};
use std::alloc::Layout;
use std::any::TypeId;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Poll, Waker};
use waker::raw_waker;

/// What a task is made of beside its code.
pub(crate) trait Program: Send + Sync + Sized + 'static {
    /// Filled by anybody, under the door's lock.
    type Inbox: Inbox;
    /// Touched by the task's own run, and under the door's lock while there is none.
    type Own: Send;

    /// Puts the task into a run queue; behind all others there, where it runs `again` at once.
    fn schedule(&self, runnable: Runnable, again: bool);
    /// The door of a task that brings its own.
    fn own_door(&self) -> Option<&Door>;
    /// What the worker shows while the task runs; the same for the same task, 0 for one that cannot be found by it.
    fn number(&self) -> u64;
    /// Takes over from the inbox, which holds `mail`, all there is or nothing. Under the door's lock.
    fn enter(inbox: &mut Self::Inbox, own: &mut Self::Own, mail: MailState);
    /// The process that the task is, if it is one.
    fn any(&self) -> Option<&dyn AnyProcess>;
}

/// What arrives for a task.
pub(crate) trait Inbox: Send + 'static {
    /// Whether nothing is there.
    fn is_empty(&self) -> bool;
    /// How many messages were ever taken in.
    fn messages_in(&self) -> u64;
    /// Appends a signal that has no type; what it is to the task.
    fn push_untyped(&mut self, signal: Untyped) -> MailState;
}

/// A signal that any process takes.
pub(crate) enum Untyped {
    /// Acts when it is taken.
    Control(Box<crate::signal::ControlSignal>),
    /// A message in external term format.
    Encoded(Box<crate::signal::Encoded>),
    /// The same, and more about it.
    Marked(Box<crate::signal::Marked>),
}

/// What an inbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum MailState {
    /// Nothing.
    None = 0,
    /// Messages only.
    Messages = 1,
    /// Something that must act soon, too.
    Urgent = 2,
}

/// What a task does.
pub(crate) trait Code<P: Program>: Send + 'static {
    /// One run. When it is ready, the task is over: it has left its door, and is not run again.
    fn run(self: Pin<&mut Self>, task: &TaskRef<P>, own: &mut OwnCell<'_, P>, waker: &Waker) -> Poll<()>;
    /// The task will not be run again although it is not over.
    fn cancel(self: Pin<&mut Self>, task: &TaskRef<P>, own: &mut OwnCell<'_, P>);
}

/// A run's way to what is its own.
pub(crate) struct OwnCell<'a, P: Program> {
    cell: &'a UnsafeCell<P::Own>,
}

#[expect(clippy::needless_pass_by_ref_mut, reason = "only one at a time may have what is the task's own")]
impl<P: Program> OwnCell<'_, P> {
    /// Calls `body` with what is the task's own.
    #[inline]
    pub(crate) fn with<R>(&mut self, body: impl FnOnce(&mut P::Own) -> R) -> R {
        // SAFETY: an `OwnCell` is used only in a run of the task, of which there is one at a time, on this thread; the
        // others, of `TaskRef::own` and of visits, are given out in this run only, or while there is none; and `body`
        // is never code that asks for another.
        self.cell.with_mut(|own| body(unsafe { &mut *own }))
    }
}

thread_local! {
    /// The task that this thread runs.
    static RUNNING: Cell<Option<NonNull<Header>>> = const { Cell::new(None) };
}

/// Where a task is found.
pub(crate) struct Door {
    inside: Lock<Inside>,
    /// Changed under the lock.
    generation: AtomicU32,
}

/// What a door's lock guards, beside the inbox of the task behind it.
#[derive(Debug)]
struct Inside {
    task: Option<NonNull<Header>>,
    life: Life,
}

// SAFETY: the pointer is followed under the door's lock only, while the task behind it is not over.
unsafe impl Send for Inside {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Idle,
    Scheduled,
    Running,
    /// Running, and mail came that the run has not taken.
    Mail,
    /// Running, and a waker was used.
    Woken,
}

/// The beginning of every task.
struct Header {
    vtable: &'static Vtable,
    door: NonNull<Door>,
    references: AtomicU32,
    /// A [`MailState`], changed under the door's lock; who reads it without may be late, and looks again at the end of
    /// the run.
    mail: AtomicU8,
    /// How many runnables the task has beside the one that it has while it is `Scheduled`. Changed under the door's lock.
    extra: AtomicU8,
    /// Whether the task has left its door. Only its own run looks at it and changes it.
    has_left: AtomicBool,
}

/// So many references to one task may there be at a time; nothing but forgotten ones come near.
const REFERENCES_MAX: u32 = u32::MAX / 2;

impl Header {
    #[inline]
    fn count_reference(&self) {
        if self.references.fetch_add(1, Ordering::Relaxed) > REFERENCES_MAX {
            // One too many would free the task while it is in use.
            std::process::abort();
        }
    }

    #[inline]
    fn mail(&self) -> MailState {
        match self.mail.load(Ordering::Relaxed) {
            0 => MailState::None,
            1 => MailState::Messages,
            _ => MailState::Urgent,
        }
    }
}

struct Vtable {
    /// Of the `Program`.
    program: TypeId,
    run: unsafe fn(NonNull<Header>, &AtomicU64),
    cancel: unsafe fn(NonNull<Header>),
    schedule: unsafe fn(NonNull<Header>, Runnable, bool),
    any: unsafe fn(NonNull<Header>) -> Option<NonNull<dyn AnyProcess>>,
    inbox: unsafe fn(NonNull<Header>) -> NonNull<dyn Inbox>,
    free: unsafe fn(NonNull<Header>),
    size: usize,
}

/// A task up to its code, whose type only the vtable knows.
///
/// What others write to comes first, what the task writes in its runs last, so that a sender and the task that runs
/// seldom need the same cache line.
#[repr(C)]
struct Body<P: Program> {
    header: Header,
    inbox: UnsafeCell<P::Inbox>,
    program: P,
    own: UnsafeCell<P::Own>,
}

#[repr(C)]
struct Whole<P: Program, C> {
    body: Body<P>,
    code: UnsafeCell<ManuallyDrop<C>>,
}

/// A counted reference to a task.
pub(crate) struct TaskRef<P: Program> {
    body: NonNull<Body<P>>,
}

// SAFETY: what several threads reach by it is `P: Sync`, atomics, and the inbox under the door's lock.
unsafe impl<P: Program> Send for TaskRef<P> {}
// SAFETY: as above.
unsafe impl<P: Program> Sync for TaskRef<P> {}

/// The right and the duty to run a task once. Dropping it ends the task without running it.
pub(crate) struct Runnable {
    header: NonNull<Header>,
}

// SAFETY: a task's code and own are `Send`, and the runnable is the only right to touch them.
unsafe impl Send for Runnable {}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable").finish_non_exhaustive()
    }
}

/// A task behind a locked door.
pub(crate) struct Visit<'a> {
    header: NonNull<Header>,
    life: Life,
    wakes: bool,
    door: PhantomData<&'a Door>,
}

/// What a visitor finds of a task.
pub(crate) struct Parts<'a, P: Program> {
    pub(crate) program: &'a P,
    pub(crate) inbox: &'a mut P::Inbox,
    /// What is the task's own, while it does not run.
    pub(crate) own: Option<&'a mut P::Own>,
}

impl Door {
    pub(crate) fn new() -> Self {
        Self { inside: Lock::new(Inside { task: None, life: Life::Idle }), generation: AtomicU32::new(0) }
    }

    /// The generation of the task that is or will be behind the door.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Calls `body` with the task behind the door, if it is of this generation; then schedules it, if `body` said so.
    ///
    /// What `body` brings it borrows: a value that would come back where nobody is would be moved in any case.
    #[inline]
    pub(crate) fn visit<R>(&self, generation: u32, body: impl FnOnce(&mut Visit<'_>) -> R) -> Option<R> {
        let (result, runnable) = self.inside.with(|inside| {
            let Some(header) = inside.task.filter(|_| self.generation() == generation) else {
                return (None, None);
            };
            let mut visit = Visit { header, life: inside.life, wakes: false, door: PhantomData };
            let result = body(&mut visit);
            let wakes = visit.wakes;
            (Some(result), if wakes { inside.wake(header, Life::Mail) } else { None })
        });
        if let Some(runnable) = runnable {
            runnable.schedule();
        }
        result
    }

    /// One more right to run the task behind the door, if it is scheduled, of this generation (or any), and each of its
    /// rights may lie at one of `lost` places where nobody gets at it. Each of these holds one right at most.
    pub(crate) fn rescue(&self, generation: Option<u32>, lost: u8) -> Option<Runnable> {
        self.inside.with(|inside| {
            let is_meant = generation.is_none_or(|generation| generation == self.generation());
            let header = inside.task.filter(|_| is_meant)?;
            // SAFETY: the task is not over while its door's lock is held and it is behind it.
            let task = unsafe { header.as_ref() };
            let extra = task.extra.load(Ordering::Relaxed);
            if inside.life != Life::Scheduled || extra >= lost {
                return None;
            }
            task.extra.store(extra + 1, Ordering::Relaxed);
            task.count_reference();
            Some(Runnable { header })
        })
    }

    /// Whether a task of this generation is behind the door.
    pub(crate) fn is_occupied(&self, generation: u32) -> bool {
        self.inside.with(|inside| self.generation() == generation && inside.task.is_some())
    }

    /// The generation of the task behind the door, if there is one.
    pub(crate) fn occupied_by(&self) -> Option<u32> {
        self.inside.with(|inside| inside.task.map(|_| self.generation()))
    }
}

impl Inside {
    /// A runnable of the task `header` is used up; false where the task is not to be run by it: there was one more.
    #[inline]
    fn begin(&mut self, header: NonNull<Header>, extra: &AtomicU8) -> bool {
        // Without extra ones there is a runnable only of a task that is scheduled.
        let begins = extra.load(Ordering::Relaxed) == 0 || self.is_scheduled(header, extra);
        if begins {
            self.life = Life::Running;
        }
        begins
    }

    /// Whether the task, which has extra runnables, is to be run by this one; it is one of the extra ones otherwise.
    #[cold]
    fn is_scheduled(&self, header: NonNull<Header>, extra: &AtomicU8) -> bool {
        let is_scheduled = self.task == Some(header) && self.life == Life::Scheduled;
        if !is_scheduled {
            extra.store(extra.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
        }
        is_scheduled
    }

    /// Marks the task as one that has a reason to run; the right to run it, where it was idle.
    #[inline]
    fn wake(&mut self, header: NonNull<Header>, reason: Life) -> Option<Runnable> {
        match self.life {
            Life::Idle => {
                self.life = Life::Scheduled;
                Some(Runnable { header })
            }
            Life::Running | Life::Mail => {
                self.life = reason;
                None
            }
            Life::Scheduled | Life::Woken => None,
        }
    }
}

impl Visit<'_> {
    /// The task's parts, if it is a `P`.
    #[inline]
    pub(crate) fn typed<P: Program>(&mut self) -> Option<Parts<'_, P>> {
        // SAFETY: the task is not over while its door's lock is held and it is behind it.
        let header = unsafe { self.header.as_ref() };
        if header.vtable.program != TypeId::of::<P>() {
            return None;
        }
        let body = self.header.cast::<Body<P>>();
        // SAFETY: the type was just checked; `Body<P>` is the beginning of the allocation.
        let body = unsafe { body.as_ref() };
        // SAFETY: the inbox is only touched under the door's lock, which this visit has.
        let inbox = body.inbox.with_mut(|inbox| unsafe { &mut *inbox });
        let own = match self.life {
            // SAFETY: a run begins and ends under the door's lock, which this visit has; outside of runs nobody else
            // touches what is the task's own.
            Life::Idle | Life::Scheduled => Some(body.own.with_mut(|own| unsafe { &mut *own })),
            Life::Running | Life::Mail | Life::Woken => None,
        };
        Some(Parts { program: &body.program, inbox, own })
    }

    /// Says where a message was put. In the mailbox it wakes the task where it is the first there, as in
    /// [`Visit::arrived`].
    #[inline]
    pub(crate) fn was_put(&mut self, put: Put) {
        match put {
            Put::InMailbox { is_first } => self.wakes |= is_first,
            Put::Here => self.arrived(MailState::Messages),
        }
    }

    /// Appends a signal that every process takes.
    pub(crate) fn push_untyped(&mut self, signal: Untyped) {
        // SAFETY: as in `typed`.
        let header = unsafe { self.header.as_ref() };
        // SAFETY: the function is that of the task's own type.
        let mut inbox = unsafe { (header.vtable.inbox)(self.header) };
        // SAFETY: as in `typed`.
        let mail = unsafe { inbox.as_mut() }.push_untyped(signal);
        self.arrived(mail);
    }

    /// Whether the task runs.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.life, Life::Running | Life::Mail | Life::Woken)
    }

    /// Whether the task is about to run.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.life == Life::Scheduled
    }

    /// How many bytes the task takes, without what its values point to.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: as in `typed`.
        unsafe { self.header.as_ref() }.vtable.size
    }

    /// The process that the task is, if it is one, and its inbox.
    pub(crate) fn any(&mut self) -> Option<(&dyn AnyProcess, &mut dyn Inbox)> {
        // SAFETY: as in `typed`.
        let header = unsafe { self.header.as_ref() };
        // SAFETY: the function is that of the task's own type.
        let process = unsafe { (header.vtable.any)(self.header) }?;
        // SAFETY: the function is that of the task's own type.
        let mut inbox = unsafe { (header.vtable.inbox)(self.header) };
        // SAFETY: as in `typed`.
        let process = unsafe { process.as_ref() };
        // SAFETY: as in `typed`.
        Some((process, unsafe { inbox.as_mut() }))
    }

    /// Notes that `mail` was put into the inbox, so that the task takes it. One that let earlier mail lie does not wait
    /// for mail: only what is urgent wakes it.
    #[inline]
    pub(crate) fn arrived(&mut self, mail: MailState) {
        // SAFETY: as in `typed`.
        let header = unsafe { self.header.as_ref() };
        let before = header.mail.load(Ordering::Relaxed);
        header.mail.store(before.max(mail as u8), Ordering::Relaxed);
        self.wakes |= before == MailState::None as u8 || mail == MailState::Urgent;
    }
}

impl<P: Program> TaskRef<P> {
    /// A task that has not run yet, and the right to run it first. `code` makes its code from a reference to it.
    ///
    /// It stands behind `door`, which nobody is behind and which is part of what `program` keeps alive; or behind the
    /// door that `program` brings.
    pub(crate) fn start<C: Code<P>>(
        door: Option<&Door>,
        program: P,
        inbox: P::Inbox,
        own: P::Own,
        code: impl FnOnce(Self) -> C,
    ) -> Runnable {
        let header = Header {
            vtable: const { &Vtable::of::<P, C>() },
            door: NonNull::dangling(),
            // One for the task's life, one for the code.
            references: AtomicU32::new(2),
            mail: AtomicU8::new(MailState::None as u8),
            extra: AtomicU8::new(0),
            has_left: AtomicBool::new(false),
        };
        let body = Body { header, inbox: UnsafeCell::new(inbox), program, own: UnsafeCell::new(own) };
        let whole = cells::take(Layout::new::<Whole<P, C>>()).as_ptr().cast::<Whole<P, C>>();
        let place = whole.cast::<Body<P>>();
        // SAFETY: `Whole` is `repr(C)` and begins with its `Body`; the allocation is ours and large enough.
        unsafe { place.write(body) };
        // SAFETY: a box is not null.
        let body = unsafe { NonNull::new_unchecked(place) };
        let header = body.cast::<Header>();
        // SAFETY: the body has just been written, and nobody else knows of it.
        let own_door = unsafe { body.as_ref() }.program.own_door();
        let door = door.or(own_door).expect("a task has a door");
        // SAFETY: as above; the header has no references to it.
        unsafe { (*header.as_ptr()).door = NonNull::from(door) };
        let code = UnsafeCell::new(ManuallyDrop::new(code(Self { body })));
        // SAFETY: the place is part of the allocation.
        let place = unsafe { &raw mut (*whole).code };
        // SAFETY: it is not read before the first run; nobody finds the task yet.
        unsafe { place.write(code) };
        door.inside.with(|inside| {
            inside.task = Some(header);
            inside.life = Life::Scheduled;
        });
        Runnable { header }
    }

    /// Whether mail has come that the run has not taken. May be late: what comes meanwhile makes the task run again.
    #[inline]
    pub(crate) fn mail(&self) -> MailState {
        self.header().mail()
    }

    /// Takes over what has come since the run began.
    pub(crate) fn refill(&self, own: &mut OwnCell<'_, P>) {
        // SAFETY: the task has not left its door while it has an `OwnCell`, or is the only one to know.
        let door = unsafe { self.header().door.as_ref() };
        let body = self.body();
        door.inside.with(|inside| {
            take_mail::<P>(body, own);
            if inside.life == Life::Mail {
                inside.life = Life::Running;
            }
        });
    }

    /// Calls `body` with the inbox, under the door's lock. For the task's own run.
    pub(crate) fn with_inbox<R>(&self, body: impl FnOnce(&mut P::Inbox) -> R) -> R {
        // SAFETY: a task's program keeps its door alive.
        let door = unsafe { self.header().door.as_ref() };
        // SAFETY: under the door's lock, as always.
        door.inside.with(|_| self.body().inbox.with_mut(|inbox| body(unsafe { &mut *inbox })))
    }

    /// Leaves the door: from now on nobody finds the task. `take` empties the inbox.
    pub(crate) fn leave<R>(&self, take: impl FnOnce(&mut P::Inbox) -> R) -> R {
        // SAFETY: a task's program keeps its door alive.
        let door = unsafe { self.header().door.as_ref() };
        self.header().has_left.store(true, Ordering::Relaxed);
        door.inside.with(|inside| {
            if inside.task == Some(self.body.cast()) {
                inside.task = None;
                door.generation.store(door.generation().wrapping_add(1), Ordering::Relaxed);
            }
            // SAFETY: under the door's lock, as always.
            self.body().inbox.with_mut(|inbox| take(unsafe { &mut *inbox }))
        })
    }

    /// The way to what is the task's own; `None` where it is not the one that runs on this thread.
    #[inline]
    pub(crate) fn own(&self) -> Option<OwnCell<'_, P>> {
        let runs_here = RUNNING.with(Cell::get) == Some(self.body.cast());
        runs_here.then(|| OwnCell { cell: &self.body().own })
    }

    /// Whether `waker` wakes this task and nothing else.
    #[inline]
    pub(crate) fn is_own_waker(&self, waker: &Waker) -> bool {
        waker.data() == self.body.as_ptr().cast_const().cast()
    }

    #[inline]
    fn header(&self) -> &Header {
        &self.body().header
    }

    #[inline]
    fn body(&self) -> &Body<P> {
        // SAFETY: a reference keeps the body.
        unsafe { self.body.as_ref() }
    }
}

impl<P: Program> Deref for TaskRef<P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        &self.body().program
    }
}

impl<P: Program> Clone for TaskRef<P> {
    fn clone(&self) -> Self {
        self.header().count_reference();
        Self { body: self.body }
    }
}

impl<P: Program> Drop for TaskRef<P> {
    fn drop(&mut self) {
        // SAFETY: this reference is given back once.
        unsafe { release(self.body.cast()) };
    }
}

impl Runnable {
    /// Puts the task into a run queue.
    #[inline]
    pub(crate) fn schedule(self) {
        self.put(false);
    }

    #[inline]
    fn put(self, again: bool) {
        let header = self.header;
        // SAFETY: a scheduled task is not over, so its header is there.
        let vtable = unsafe { header.as_ref() }.vtable;
        // SAFETY: the function is that of the task's own type.
        unsafe { (vtable.schedule)(header, self, again) };
    }

    /// Runs the task once, and shows its number meanwhile, and afterwards still.
    #[inline]
    pub(crate) fn run(self, shown: &AtomicU64) {
        let header = ManuallyDrop::new(self).header;
        // SAFETY: a scheduled task is not over, so its header is there.
        let vtable = unsafe { header.as_ref() }.vtable;
        // SAFETY: the function is that of the task's own type, and this is the right to run it, used up here.
        unsafe { (vtable.run)(header, shown) };
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        // SAFETY: as in `run`.
        let vtable = unsafe { self.header.as_ref() }.vtable;
        // SAFETY: as in `run`.
        unsafe { (vtable.cancel)(self.header) };
    }
}

impl Vtable {
    const fn of<P: Program, C: Code<P>>() -> Self {
        Self {
            program: TypeId::of::<P>(),
            run: run::<P, C>,
            cancel: cancel::<P, C>,
            schedule: schedule::<P>,
            any: any::<P>,
            inbox: inbox::<P>,
            free: free::<P, C>,
            size: size_of::<Whole<P, C>>(),
        }
    }
}

/// Moves what the run can take from the inbox. Under the door's lock.
#[inline]
fn take_mail<P: Program>(body: &Body<P>, own: &mut OwnCell<'_, P>) {
    // SAFETY: the door's lock is held.
    let inbox = body.inbox.with_mut(|inbox| unsafe { &mut *inbox });
    own.with(|own| P::enter(inbox, own, body.header.mail()));
    if inbox.is_empty() {
        body.header.mail.store(MailState::None as u8, Ordering::Relaxed);
    }
}

unsafe fn run<P: Program, C: Code<P>>(header: NonNull<Header>, shown: &AtomicU64) {
    let whole = header.cast::<Whole<P, C>>();
    // SAFETY: the task is of these types; its life's reference keeps it until it is given back in `over`, or that of
    // one more runnable.
    let whole_ref = unsafe { whole.as_ref() };
    let body = &whole_ref.body;
    shown.store(body.program.number(), Ordering::Relaxed);
    // SAFETY: a task's program keeps its door alive.
    let door = unsafe { body.header.door.as_ref() };
    let mut own = OwnCell { cell: &body.own };
    let begins = door.inside.with(|inside| {
        let begins = inside.begin(header, &body.header.extra);
        if begins && body.header.mail.load(Ordering::Relaxed) != MailState::None as u8 {
            take_mail::<P>(body, &mut own);
        }
        begins
    });
    if !begins {
        // SAFETY: there was one more runnable than the task's life has; its reference is given back once.
        return unsafe { release(header) };
    }
    let task = ManuallyDrop::new(TaskRef { body: header.cast() });
    // SAFETY: the waker is not dropped, so it uses the reference of the task's life without counting.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(header)) });
    let polled = running(header, || {
        // SAFETY: the code never moves, and this run is the only one to touch it.
        let code = whole_ref.code.with_mut(|code| {
            // SAFETY: as above.
            let code = unsafe { &mut *code };
            // SAFETY: as above.
            unsafe { Pin::new_unchecked(&mut **code) }
        });
        code.run(&task, &mut own, &waker)
    });
    match polled {
        Ok(Poll::Pending) => {
            let again = door.inside.with(|inside| {
                let again = inside.life != Life::Running;
                inside.life = if again { Life::Scheduled } else { Life::Idle };
                again
            });
            if again {
                Runnable { header }.put(true);
            }
        }
        // SAFETY: the run was the last one.
        Ok(Poll::Ready(())) => unsafe { over::<P, C>(header) },
        Err(payload) => {
            // SAFETY: the run was the last one.
            unsafe { over::<P, C>(header) };
            std::panic::resume_unwind(payload);
        }
    }
}

unsafe fn cancel<P: Program, C: Code<P>>(header: NonNull<Header>) {
    let whole = header.cast::<Whole<P, C>>();
    // SAFETY: as in `run`.
    let whole_ref = unsafe { whole.as_ref() };
    let body = &whole_ref.body;
    // SAFETY: as in `run`.
    let begins =
        unsafe { body.header.door.as_ref() }.inside.with(|inside| inside.begin(header, &body.header.extra));
    if !begins {
        // SAFETY: as in `run`.
        return unsafe { release(header) };
    }
    let task = ManuallyDrop::new(TaskRef { body: header.cast() });
    let mut own = OwnCell { cell: &body.own };
    let cancelled = running(header, || {
        // SAFETY: as in `run`.
        let code = whole_ref.code.with_mut(|code| {
            // SAFETY: as above.
            let code = unsafe { &mut *code };
            // SAFETY: as above.
            unsafe { Pin::new_unchecked(&mut **code) }
        });
        code.cancel(&task, &mut own);
    });
    // SAFETY: the task is not run again.
    unsafe { over::<P, C>(header) };
    if cancelled.is_err() {
        tracing::error!("a task panicked while it was given up");
    }
}

/// Calls `body` with the task as the one that runs on this thread.
#[inline]
fn running<R>(header: NonNull<Header>, body: impl FnOnce() -> R) -> std::thread::Result<R> {
    let before = RUNNING.with(|running| running.replace(Some(header)));
    let result = catch_unwind(AssertUnwindSafe(body));
    RUNNING.with(|running| running.set(before));
    result
}

/// Drops the code and gives back the reference of the task's life.
unsafe fn over<P: Program, C>(header: NonNull<Header>) {
    let task = TaskRef::<P> { body: header.cast() };
    if !task.header().has_left.load(Ordering::Relaxed) {
        task.leave(|_| ());
    }
    let whole = header.cast::<Whole<P, C>>();
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the life's reference, held by `task`, keeps the task.
        unsafe { whole.as_ref() }.code.with_mut(|code| {
            // SAFETY: nobody else touches the code of a task that is over.
            let code = unsafe { &mut *code };
            // SAFETY: the code is dropped here only, once, and never run again.
            unsafe { ManuallyDrop::drop(code) };
        });
    }));
    if dropped.is_err() {
        tracing::error!("the code of a task panicked while it was dropped");
    }
}

unsafe fn schedule<P: Program>(header: NonNull<Header>, runnable: Runnable, again: bool) {
    // SAFETY: the task is of this type, and there while it is scheduled; the scheduler may end it at once, so nothing
    // of it is used afterwards.
    unsafe { header.cast::<Body<P>>().as_ref() }.program.schedule(runnable, again);
}

unsafe fn any<P: Program>(header: NonNull<Header>) -> Option<NonNull<dyn AnyProcess>> {
    // SAFETY: the task is of this type, and there.
    unsafe { header.cast::<Body<P>>().as_ref() }.program.any().map(NonNull::from)
}

unsafe fn inbox<P: Program>(header: NonNull<Header>) -> NonNull<dyn Inbox> {
    // SAFETY: the task is of this type, and there.
    let body = unsafe { header.cast::<Body<P>>().as_ref() };
    // SAFETY: a cell's content is not null.
    body.inbox.with_mut(|inbox| unsafe { NonNull::new_unchecked(inbox as *mut dyn Inbox) })
}

unsafe fn free<P: Program, C>(header: NonNull<Header>) {
    let whole = header.cast::<Whole<P, C>>();
    // SAFETY: this was the last reference; the code was dropped when the task was over, the rest is dropped here.
    unsafe { whole.drop_in_place() };
    // SAFETY: `start` took the memory with this layout.
    unsafe { cells::give_back(whole.cast(), Layout::new::<Whole<P, C>>()) };
}

/// Gives back a reference.
unsafe fn release(header: NonNull<Header>) {
    // SAFETY: the reference to be given back keeps the header.
    let references = &unsafe { header.as_ref() }.references;
    // Who has the only one gives it to nobody meanwhile: where a task can still be found, its life has one, too.
    if references.load(Ordering::Acquire) == 1 || references.fetch_sub(1, Ordering::Release) == 1 {
        // What others did with the task comes before its end.
        references.load(Ordering::Acquire);
        // SAFETY: nobody has a reference any more, so it is still there.
        let vtable = unsafe { header.as_ref() }.vtable;
        // SAFETY: the function is that of the task's own type.
        unsafe { (vtable.free)(header) };
    }
}
