//! Names and locks as values: who is believed, what is freed, and the limits.

use super::GlobalLimits;
use super::tables::{Entry, GLOBAL, Says, Tables, Watch};
use engset_process::{Scheduler, ThreadsConfig};
use engset_term::{Instant, NodeName, Pid, Term};
use std::time::Duration;

const NOW: Instant = Instant::ZERO;
const REQUESTER: Term = Term::atom("requester");

fn pid(node: &str, number: u32) -> Pid {
    Pid::new(NodeName::new(node).expect("a name"), 1, number, 0)
}

fn entry(name: &'static str, pid: Pid) -> Entry {
    Entry { name: Term::atom(name), pid, method: Term::Nil }
}

/// Tables in which a process of `a@h` holds the lock for names.
fn locked(limits: GlobalLimits) -> (Tables, Pid) {
    let mut tables = Tables::new(limits);
    let holder = pid("a@h", 1);
    assert!(tables.set_lock(NOW, &GLOBAL, &REQUESTER, holder));
    (tables, holder)
}

fn watches(tables: &mut Tables) -> Vec<Watch> {
    std::iter::from_fn(|| tables.poll_watch()).collect()
}

#[test]
fn names_are_believed_under_the_lock_only() {
    let (mut tables, holder) = locked(GlobalLimits::default());
    let one = pid("b@h", 2);
    assert!(tables.insert(entry("n", one), None, Says::Process(holder)));
    assert_eq!(tables.whereis(&Term::atom("n")), Some(one));
    assert!(tables.insert(entry("n", holder), None, Says::Node(holder.node(), Some(&REQUESTER))));
    assert_eq!(tables.whereis(&Term::atom("n")), Some(holder));
    let (holds, holds_not) = (holder.node(), one.node());
    for says in [
        Says::Process(one),
        Says::Node(holds, None),
        Says::Node(holds, Some(&Term::Nil)),
        Says::Node(holds_not, Some(&REQUESTER)),
    ] {
        assert!(!tables.insert(entry("m", one), None, says));
    }
    tables.del_lock(NOW, &GLOBAL, &REQUESTER, holder);
    assert!(!tables.insert(entry("m", one), None, Says::Process(holder)));
    assert_eq!(tables.registered_names(), [Term::atom("n")]);
}

#[test]
fn a_lock_is_shared_by_one_requester_and_free_when_all_have_gone() {
    let (mut tables, holder) = locked(GlobalLimits::default());
    let (other, stranger) = (pid("b@h", 2), pid("c@h", 3));
    assert!(tables.set_lock(NOW, &GLOBAL, &REQUESTER, other));
    assert!(tables.set_lock(NOW, &GLOBAL, &REQUESTER, other), "again");
    assert!(!tables.set_lock(NOW, &GLOBAL, &Term::Nil, stranger) && !tables.can_lock(&GLOBAL, &Term::Nil));
    tables.del_lock(NOW, &GLOBAL, &Term::Nil, holder);
    tables.del_lock(NOW, &GLOBAL, &REQUESTER, stranger);
    tables.handle_ended(holder);
    assert!(tables.is_locked(&GLOBAL));
    tables.del_lock(NOW, &GLOBAL, &REQUESTER, other);
    assert!(!tables.is_locked(&GLOBAL) && tables.can_lock(&GLOBAL, &Term::Nil));
}

/// Each process is watched once, from its first name or lock to its last.
#[test]
fn who_matters_is_watched_once() {
    let (mut tables, holder) = locked(GlobalLimits::default());
    let one = pid("b@h", 2);
    for name in ["x", "y"] {
        assert!(tables.insert(entry(name, one), None, Says::Process(holder)));
    }
    assert_eq!(watches(&mut tables), [Watch::Begin(holder), Watch::Begin(one)]);
    assert!(tables.delete(&Term::atom("x")) && !tables.delete(&Term::atom("x")));
    assert_eq!(watches(&mut tables), []);
    assert!(tables.delete(&Term::atom("y")));
    assert_eq!(watches(&mut tables), [Watch::End(one)]);
    tables.handle_ended(holder);
    assert_eq!(watches(&mut tables), [], "one that has ended is not watched any more");
}

/// What was told of over a connection goes with it, whatever watches it by now.
#[test]
fn a_lost_connection_frees_names_and_locks() {
    let (mut tables, holder) = locked(GlobalLimits::default());
    let here = pid("c@h", 3);
    assert!(tables.insert(entry("theirs", pid("a@h", 9)), None, Says::Process(holder)));
    assert!(tables.insert(entry("ours", here), None, Says::Process(holder)));
    watches(&mut tables);
    tables.handle_node_down(holder.node());
    assert_eq!(tables.registered_names(), [Term::atom("ours")]);
    assert!(!tables.is_locked(&GLOBAL));
    assert_eq!(watches(&mut tables), [Watch::End(holder), Watch::End(pid("a@h", 9))]);
}

#[test]
fn names_and_locks_have_limits() {
    let limits = GlobalLimits { names: 2, locks: 2, lock_holders: 2, ..GlobalLimits::default() };
    let (mut tables, holder) = locked(limits);
    let says = Says::Process(holder);
    assert!(tables.insert(entry("a", holder), None, says) && tables.insert(entry("b", holder), None, says));
    assert!(!tables.insert(entry("c", holder), None, says));
    assert!(tables.insert(entry("b", pid("b@h", 1)), None, says), "in the place of another");
    assert!(tables.set_lock(NOW, &Term::Nil, &REQUESTER, holder));
    assert!(!tables.set_lock(NOW, &Term::atom("third"), &REQUESTER, holder));
    assert!(tables.set_lock(NOW, &GLOBAL, &REQUESTER, pid("b@h", 1)));
    assert!(!tables.set_lock(NOW, &GLOBAL, &REQUESTER, pid("c@h", 1)));
    tables.handle_ended(pid("b@h", 1));
    assert!(tables.set_lock(NOW, &GLOBAL, &REQUESTER, pid("c@h", 1)));
}

/// The lock for names can be had where all others are taken: so nobody stops the whole cluster by setting many.
#[test]
fn there_is_room_for_the_lock_for_names() {
    let mut tables = Tables::new(GlobalLimits { locks: 1, ..GlobalLimits::default() });
    let (one, other) = (pid("a@h", 1), pid("b@h", 1));
    assert!(tables.set_lock(NOW, &Term::int(1), &REQUESTER, one));
    assert!(!tables.set_lock(NOW, &Term::int(2), &REQUESTER, one));
    assert!(tables.set_lock(NOW, &GLOBAL, &REQUESTER, other));
}

/// A node may have had all names and locks that there are, in processes as it pleases; forgetting them must not keep
/// everybody else waiting. With time that grows by the square these were minutes.
#[test]
fn all_that_the_limits_allow_is_freed_in_no_time() {
    const MANY: u32 = 60_000;
    let clock = Scheduler::threads_with(ThreadsConfig::new(1)).expect("a thread");
    let began = clock.now();
    let (mut tables, holder) = locked(GlobalLimits::default());
    let one = pid("b@h", 1);
    for number in 0..MANY {
        let name = Entry { name: Term::int(number), pid: one, method: Term::Nil };
        assert!(tables.insert(name, None, Says::Process(holder)));
        assert!(tables.set_lock(NOW, &Term::int(number), &REQUESTER, pid("b@h", number)));
    }
    tables.handle_node_down(one.node());
    assert_eq!(tables.registered_names(), [] as [Term; 0]);
    assert!(!tables.is_locked(&Term::int(MANY - 1)) && tables.is_locked(&GLOBAL));
    let took = clock.now().saturating_duration_since(began);
    if let Scheduler::Threads(threads) = &clock {
        threads.shutdown();
    }
    assert!(took < Duration::from_secs(20), "{took:?}");
}
