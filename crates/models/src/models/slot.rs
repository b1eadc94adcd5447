//! `otp/src/slot.rs`: an answer comes once, its waiter is woken, and the last of two halves gives the slot back.

use super::model;
use crate::cells::Mark;
use crate::slot::{CalleeHalf, CallerHalf, slot};
use engset_term::Instant;
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// An answer or a note that counts how often it was dropped, and that two may not touch at once.
struct Counted {
    dropped: Arc<AtomicUsize>,
    mark: Mark,
}

impl Counted {
    fn new(dropped: &Arc<AtomicUsize>) -> Self {
        Self { dropped: Arc::clone(dropped), mark: Mark::new() }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.mark.touch();
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

type Caller = CallerHalf<Counted, Counted>;
type Callee = CalleeHalf<Counted, Counted>;

/// How often the answer, and with the note the slot, were dropped.
#[derive(Default)]
struct Drops {
    answer: Arc<AtomicUsize>,
    slot: Arc<AtomicUsize>,
}

impl Drops {
    /// A slot with a note, so that its end is counted.
    fn slot(&self, is_begun: bool) -> (Caller, Callee) {
        let (caller, callee) = slot(is_begun);
        callee.set_note(Counted::new(&self.slot));
        (caller, callee)
    }

    fn answer(&self) -> Counted {
        Counted::new(&self.answer)
    }

    fn counts(&self) -> (usize, usize) {
        (self.answer.load(Ordering::Relaxed), self.slot.load(Ordering::Relaxed))
    }
}

/// Wakes who sleeps at it.
struct Alarm {
    bell: Notify,
    rung: AtomicUsize,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::Relaxed);
        self.bell.notify();
    }
}

impl Alarm {
    /// Sleeps until it has rung; a waking that is lost is a deadlock, which fails the model.
    fn sleep(&self) {
        while self.rung.load(Ordering::Relaxed) == 0 {
            self.bell.wait();
        }
        self.rung.store(0, Ordering::Relaxed);
    }
}

fn alarm() -> (Arc<Alarm>, Waker) {
    let alarm = Arc::new(Alarm { bell: Notify::new(), rung: AtomicUsize::new(0) });
    let waker = Waker::from(Arc::clone(&alarm));
    (alarm, waker)
}

/// Waits for the answer.
fn wait(caller: &mut Caller, alarm: &Alarm, waker: &Waker) -> Counted {
    loop {
        if let Some(answer) = caller.poll(waker) {
            return answer;
        }
        alarm.sleep();
    }
}

/// An answer that comes while the caller begins to wait reaches it.
#[test]
fn a_fill_against_a_poll() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let filling = thread::spawn(move || callee.fill(answer));
        let (alarm, waker) = alarm();
        let answer = wait(&mut caller, &alarm, &waker);
        answer.mark.touch();
        drop((answer, caller));
        filling.join().unwrap();
        drop(waker);
        assert_eq!(drops.counts(), (1, 1));
        assert_eq!(Arc::strong_count(&alarm), 1, "no waker is left");
    });
}

/// An answer that comes while the caller polls a second time with the same waker reaches it.
#[test]
fn a_fill_against_two_polls() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let (alarm, waker) = alarm();
        assert!(caller.poll(&waker).is_none());
        let filling = thread::spawn(move || callee.fill(answer));
        let answer = caller.poll(&waker);
        let answer = answer.unwrap_or_else(|| {
            alarm.sleep();
            wait(&mut caller, &alarm, &waker)
        });
        drop((answer, caller));
        filling.join().unwrap();
        drop(waker);
        assert_eq!(drops.counts(), (1, 1));
        assert_eq!(Arc::strong_count(&alarm), 1, "no waker is left");
    });
}

/// A caller that replaces its waker while the answer comes is woken by the later one, or has the answer.
#[test]
fn a_waker_replaced_while_filling() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let ((first, early), (second, late)) = (alarm(), alarm());
        assert!(caller.poll(&early).is_none());
        let filling = thread::spawn(move || callee.fill(answer));
        let mut answer = caller.poll(&late);
        if answer.is_none() {
            filling.join().unwrap();
            assert_eq!(second.rung.load(Ordering::Relaxed), 1, "the later waker is the one that counts");
            answer = caller.take();
        } else {
            filling.join().unwrap();
        }
        assert!(answer.is_some());
        drop((answer, caller, early, late));
        assert_eq!(drops.counts(), (1, 1));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1), "no waker is left");
    });
}

/// A caller that gives up while the answer comes: the answer is dropped once, the slot is given back once.
#[test]
fn a_fill_against_giving_up() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let filling = thread::spawn(move || callee.fill(answer));
        assert!(caller.give_up(), "it counts as begun from its sending on");
        filling.join().unwrap();
        assert_eq!(drops.counts(), (1, 1));
    });
}

/// A caller that has waited gives up while the answer comes: nothing is dropped twice, its waker included.
#[test]
fn a_fill_against_giving_up_a_wait() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let (alarm, waker) = alarm();
        assert!(caller.poll(&waker).is_none());
        let filling = thread::spawn(move || callee.fill(answer));
        caller.give_up();
        filling.join().unwrap();
        drop(waker);
        assert_eq!(drops.counts(), (1, 1));
        assert_eq!(Arc::strong_count(&alarm), 1, "no waker is left");
    });
}

/// A caller that is dropped in its wait, as by a timeout, while the answer comes.
#[test]
fn a_fill_against_a_drop_of_the_caller() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let (alarm, waker) = alarm();
        let filling = thread::spawn(move || callee.fill(answer));
        let answer = caller.poll(&waker);
        drop(caller);
        drop(answer);
        filling.join().unwrap();
        drop(waker);
        assert_eq!(drops.counts(), (1, 1));
        assert_eq!(Arc::strong_count(&alarm), 1, "no waker is left");
    });
}

/// Looking for an answer without waiting finds it whole, or not yet.
#[test]
fn a_fill_against_a_look() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let answer = drops.answer();
        let filling = thread::spawn(move || callee.fill(answer));
        let answer = caller.take();
        if let Some(answer) = &answer {
            answer.mark.touch();
            assert!(caller.take().is_none(), "it is there once");
        }
        drop((answer, caller));
        filling.join().unwrap();
        assert_eq!(drops.counts(), (1, 1));
    });
}

/// Never both: "certainly not begun" to the caller, and executed by the callee. Nor the other way round.
#[test]
fn beginning_against_giving_up() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = drops.slot(false);
        let answer = drops.answer();
        let executing = thread::spawn(move || {
            let is_executed = callee.begin();
            if is_executed {
                callee.fill(answer);
            }
            is_executed
        });
        let is_begun = caller.give_up();
        assert_eq!(executing.join().unwrap(), is_begun);
        assert_eq!(drops.counts(), (1, 1));
    });
}

/// A caller that asks, without giving up, whether its request is begun hears no more than what is true.
#[test]
fn beginning_against_a_question() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = drops.slot(false);
        let executing = thread::spawn(move || {
            assert!(callee.begin());
            callee
        });
        let early = caller.is_begun();
        let callee = executing.join().unwrap();
        assert!(caller.is_begun(), "now it is");
        assert!(caller.give_up() || !early, "what was begun stays so");
        drop(callee);
        assert_eq!(drops.counts(), (0, 1));
    });
}

/// A callee that ends without an answer wakes its caller, which finds none.
#[test]
fn a_callee_dropped_while_the_caller_waits() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let (alarm, waker) = alarm();
        assert!(caller.poll(&waker).is_none());
        let dropping = thread::spawn(move || drop(callee));
        alarm.sleep();
        assert!(caller.poll(&waker).is_none(), "there is no answer");
        dropping.join().unwrap();
        drop((caller, waker));
        assert_eq!((alarm.rung.load(Ordering::Relaxed), Arc::strong_count(&alarm)), (0, 1));
        assert_eq!(drops.counts(), (0, 1));
    });
}

/// A callee that ends without an answer while its caller begins to wait: the slot is given back once.
#[test]
fn a_callee_dropped_against_a_poll() {
    model(|| {
        let drops = Drops::default();
        let (mut caller, callee) = drops.slot(true);
        let (alarm, waker) = alarm();
        let dropping = thread::spawn(move || drop(callee));
        assert!(caller.poll(&waker).is_none());
        drop(caller);
        dropping.join().unwrap();
        drop(waker);
        assert_eq!(Arc::strong_count(&alarm), 1, "no waker is left");
        assert_eq!(drops.counts(), (0, 1));
    });
}

/// Both halves are dropped at the same time: the slot is given back once.
#[test]
fn both_dropped() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = drops.slot(true);
        let dropping = thread::spawn(move || drop(callee));
        drop(caller);
        dropping.join().unwrap();
        assert_eq!(drops.counts(), (0, 1));
    });
}

/// Both halves are dropped at the same time by threads that did not make the slot.
#[test]
fn both_dropped_elsewhere() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = drops.slot(false);
        let callees = thread::spawn(move || drop(callee));
        let callers = thread::spawn(move || drop(caller));
        callees.join().unwrap();
        callers.join().unwrap();
        assert_eq!(drops.counts(), (0, 1));
    });
}

/// A note that is set while the caller looks for it and gives up is dropped once; seen, it is whole.
#[test]
fn a_note_against_giving_up() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = slot::<Counted, Counted>(false);
        let (note, second) = (Counted::new(&drops.slot), Counted::new(&drops.answer));
        let telling = thread::spawn(move || {
            callee.set_note(note);
            callee.set_note(second);
        });
        if let Some(note) = caller.note() {
            assert!(Arc::ptr_eq(&note.dropped, &drops.slot), "only the first one counts");
        }
        caller.give_up();
        telling.join().unwrap();
        assert_eq!(drops.counts(), (1, 1));
    });
}

/// A callee that looks whether its caller has given up, before it answers, may be late, and never wrong.
#[test]
fn a_look_at_the_caller_against_giving_up() {
    model(|| {
        let drops = Drops::default();
        let (caller, callee) = drops.slot(false);
        caller.set_deadline(Instant::from_nanos(7));
        let answer = drops.answer();
        let serving = thread::spawn(move || {
            assert_eq!(callee.deadline(), Some(Instant::from_nanos(7)));
            let was_abandoned = callee.is_abandoned();
            let is_executed = callee.begin();
            assert!(!(was_abandoned && is_executed), "who has given up does not come back");
            if is_executed {
                callee.fill(answer);
            }
        });
        caller.give_up();
        serving.join().unwrap();
        assert_eq!(drops.counts(), (1, 1));
    });
}
