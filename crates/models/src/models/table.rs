//! `process/src/table.rs`: a door is held by one at a time, and refused only where none is free.
//!
//! Here a chunk, a batch, and the shelves are of two.

use super::model;
use crate::stand_ins::be_worker;
use crate::table::Table;
use engset_term::{NodeName, Pid};
use loom::thread;
use std::sync::Arc;

fn pid(number: u32) -> Pid {
    Pid::new(NodeName::NONODE, 1, number + 1, 0)
}

fn take(table: &Table) -> Option<u32> {
    table.take(false).ok().map(|(number, _)| number)
}

/// A thread that is worker 1 of those of the table.
fn worker<T: 'static>(
    table: &Arc<Table>,
    body: impl FnOnce(&Table) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let table = Arc::clone(table);
    thread::spawn(move || {
        be_worker(1);
        body(&table)
    })
}

/// Two that want the last door: one gets it.
#[test]
fn two_want_the_last_door() {
    model(|| {
        let table = Arc::new(Table::new(1, 0));
        let other = worker(&table, take);
        let here = take(&table);
        let there = other.join().unwrap();
        assert_eq!(usize::from(here.is_some()) + usize::from(there.is_some()), 1, "{here:?} {there:?}");
        assert_eq!(table.len(), 1);
    });
}

/// Two that want a door where there are two: both get one, and not the same.
#[test]
fn two_want_the_last_two_doors() {
    model(|| {
        let table = Arc::new(Table::new(2, 0));
        let other = worker(&table, take);
        let here = take(&table);
        let there = other.join().unwrap();
        assert!(here.is_some() && there.is_some(), "nobody is refused below the limit: {here:?} {there:?}");
        assert_ne!(here, there);
        assert_eq!((table.len(), take(&table)), (2, None));
    });
}

/// Two that want two doors each where there are four: all of them get one of their own.
#[test]
fn two_want_all_doors() {
    model(|| {
        let table = Arc::new(Table::new(4, 0));
        let other = worker(&table, |table| [take(table), take(table)]);
        let here = [take(&table), take(&table)];
        let there = other.join().unwrap();
        let mut all: Vec<u32> = here.into_iter().chain(there).flatten().collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
        assert_eq!(take(&table), None);
    });
}

/// A door that is given back while another thread wants one at the limit is had by it, or stays free.
#[test]
fn giving_back_against_taking_at_the_limit() {
    model(|| {
        let table = Arc::new(Table::new(1, 0));
        let held = take(&table).unwrap();
        let other = worker(&table, move |table| table.free(pid(held)));
        let here = take(&table);
        other.join().unwrap();
        assert_eq!(table.len(), usize::from(here.is_some()));
        assert_eq!(here.or_else(|| take(&table)), Some(held), "it is held once, and not lost");
        assert_eq!(take(&table), None);
    });
}

/// Doors that go from a shelf that is too full to the common stock are never out of reach of who wants one.
#[test]
fn a_full_shelf_against_taking() {
    model(|| {
        let table = Arc::new(Table::new(4, 0));
        let held = [(); 4].map(|()| take(&table).unwrap());
        for number in &held[..3] {
            table.free(pid(*number));
        }
        // The fourth makes a batch go back to the common stock.
        let other = worker(&table, take);
        table.free(pid(held[3]));
        let there = other.join().unwrap();
        assert!(there.is_some(), "three were free all the time");
        assert_eq!(table.len(), 1);
    });
}

/// Doors given back by two threads at once are all there afterwards, each once.
#[test]
fn two_give_back() {
    model(|| {
        let table = Arc::new(Table::new(4, 0));
        let held = [(); 4].map(|()| take(&table).unwrap());
        let other = worker(&table, move |table| {
            table.free(pid(held[0]));
            table.free(pid(held[1]));
        });
        table.free(pid(held[2]));
        table.free(pid(held[3]));
        other.join().unwrap();
        assert_eq!(table.len(), 0);
        let mut all = [(); 4].map(|()| take(&table).unwrap());
        all.sort_unstable();
        assert_eq!((all, take(&table)), ([0, 1, 2, 3], None));
    });
}

/// How many are alive is never counted as more than are, while doors are on their way to a shelf.
#[test]
fn a_count_against_taking() {
    model(|| {
        let table = Arc::new(Table::new(4, 0));
        let other = worker(&table, take);
        let len = table.len();
        assert!(len <= 1, "{len} processes of one at most");
        assert!(other.join().unwrap().is_some());
        assert_eq!(table.len(), 1);
    });
}

/// How many are alive is never counted as more than are, while doors are on their way from a shelf.
#[test]
fn a_count_against_a_full_shelf() {
    model(|| {
        let table = Arc::new(Table::new(4, 0));
        let held = [(); 4].map(|()| take(&table).unwrap());
        for number in &held[..3] {
            table.free(pid(*number));
        }
        let other = worker(&table, |table| table.len());
        table.free(pid(held[3]));
        let len = other.join().unwrap();
        assert!(len <= 1, "{len} processes of one at most");
        assert_eq!(table.len(), 0);
    });
}

/// The first two doors of a chunk, made by two threads at once, are of one chunk: who holds a door finds it again.
#[test]
fn a_chunk_made_by_two() {
    model(|| {
        let table = Arc::new(Table::new(2, 0));
        let generation = |table: &Table| {
            table.take(false).map(|(number, door)| {
                assert!(!table.is_alive(pid(number)), "nobody stands there yet");
                (number, std::ptr::from_ref(door).addr())
            })
        };
        let other = worker(&table, move |table| generation(table).ok());
        let here = generation(&table).ok();
        let there = other.join().unwrap();
        if let (Some((first, place)), Some((second, other_place))) = (here, there) {
            let size = size_of::<crate::task::Door>();
            assert_eq!(place.abs_diff(other_place), size * first.abs_diff(second) as usize);
        }
    });
}

/// The doors beyond the limit are for those that may use them, one each, and come back to them.
#[test]
fn two_want_the_reserve() {
    model(|| {
        let table = Arc::new(Table::new(1, 1));
        let held = take(&table).unwrap();
        let other = worker(&table, |table| table.take(true).ok().map(|(number, _)| number));
        let here = table.take(true).ok().map(|(number, _)| number);
        let there = other.join().unwrap();
        let reserved = here.or(there).unwrap();
        assert!(here.is_none() || there.is_none(), "there is one");
        assert_ne!(reserved, held);
        table.free(pid(reserved));
        assert_eq!((take(&table), table.take(true).ok().map(|(number, _)| number)), (None, Some(reserved)));
    });
}
