//! `process/src/state.rs`: links and monitors of two processes that do what they do at the same time.

use super::model;
use super::pair::{LEFT, RIGHT, boom, linked, pair, reference, settle};
use crate::exit::ExitReason;
use loom::thread;

/// A link that is made while the other ends: exactly one exit comes, with the reason or `noproc`.
#[test]
fn a_link_against_the_end() {
    model(|| {
        let (mut left, right) = pair();
        let ending = thread::spawn(move || right.end(&boom()));
        left.link();
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!(left.trapped.len(), 1);
        assert!([boom(), ExitReason::NoProc].contains(&left.trapped[0].reason));
        assert_eq!((left.trapped[0].from, left.state.len()), (RIGHT, 0));
    });
}

/// Both link at the same time, and one ends: exactly one exit comes.
#[test]
fn two_links_against_the_end() {
    model(|| {
        let (mut left, mut right) = pair();
        let ending = thread::spawn(move || {
            right.link();
            right.end(&boom());
        });
        left.link();
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!((left.trapped.len(), left.state.len()), (1, 0));
    });
}

/// Both link at the same time: one link, which both know.
#[test]
fn two_links() {
    model(|| {
        let (mut left, mut right) = pair();
        let linking = thread::spawn(move || {
            right.link();
            right.drain();
            right
        });
        left.link();
        left.drain();
        let mut right = linking.join().unwrap();
        settle(&mut left, &mut right);
        assert_eq!((left.state.links().collect(), right.state.links().collect()), (vec![RIGHT], vec![LEFT]));
        right.end(&boom());
        left.drain();
        assert_eq!((left.trapped.len(), left.state.len()), (1, 0));
    });
}

/// After an unlink no exit comes by the link, whenever the other ended.
#[test]
fn an_unlink_against_the_end() {
    model(|| {
        let (mut left, right) = linked();
        let ending = thread::spawn(move || right.end(&boom()));
        left.unlink();
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!((left.trapped.len(), left.state.len()), (0, 0));
    });
}

/// A link that is removed and made again while the other ends: exactly one exit comes.
#[test]
fn a_renewed_link_against_the_end() {
    model(|| {
        let (mut left, mut right) = linked();
        let ending = thread::spawn(move || {
            right.drain();
            right.end(&boom());
        });
        left.unlink();
        left.link();
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!((left.trapped.len(), left.state.len()), (1, 0));
    });
}

/// Both unlink at the same time: nothing is left on either side.
#[test]
fn two_unlinks() {
    model(|| {
        let (mut left, mut right) = linked();
        let unlinking = thread::spawn(move || {
            right.unlink();
            right.drain();
            right
        });
        left.unlink();
        left.drain();
        let mut right = unlinking.join().unwrap();
        settle(&mut left, &mut right);
        assert_eq!((left.state.len(), right.state.len()), (0, 0));
    });
}

/// One renews a link while the other removes it: in the end both say the same about it.
#[test]
fn a_renewed_link_against_an_unlink() {
    model(|| {
        let (mut left, mut right) = linked();
        let unlinking = thread::spawn(move || {
            right.unlink();
            right.drain();
            right
        });
        left.unlink();
        left.link();
        left.drain();
        let mut right = unlinking.join().unwrap();
        settle(&mut left, &mut right);
        assert_eq!(left.state.links().count(), right.state.links().count());
        assert_eq!(
            (left.state.len(), right.state.len()),
            (left.state.links().count(), right.state.links().count())
        );
    });
}

/// Two linked processes that end at the same time end, each by itself.
#[test]
fn two_ends() {
    model(|| {
        let (mut left, mut right) = linked();
        left.monitor(1);
        right.monitor(2);
        left.drain();
        right.drain();
        let ending = thread::spawn(move || right.end(&boom()));
        left.end(&boom());
        ending.join().unwrap();
    });
}

/// The end of a linked process ends one that does not trap exits, once, also where an exit signal came before it.
#[test]
fn an_exit_signal_and_the_end() {
    model(|| {
        let (mut left, right) = linked();
        left.state.trap_exit = false;
        let ending = thread::spawn(move || {
            right.exit(ExitReason::Kill);
            right.end(&boom());
        });
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!(left.exits, [ExitReason::Killed, boom()], "in the order of their sending");
        assert_eq!(left.state.len(), 0);
    });
}

/// A monitor that is made while the other ends: exactly one DOWN, with the reason or `noproc`.
#[test]
fn a_monitor_against_the_end() {
    model(|| {
        let (mut left, mut right) = pair();
        let ending = thread::spawn(move || {
            right.drain();
            right.end(&boom());
        });
        left.monitor(1);
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!(left.downs.len(), 1);
        assert_eq!((left.downs[0].reference, left.state.len()), (reference(1), 0));
        assert!([boom(), ExitReason::NoProc].contains(&left.downs[0].reason));
    });
}

/// Two monitors that are made while the other ends: exactly one DOWN for each.
#[test]
fn two_monitors_against_the_end() {
    model(|| {
        let (mut left, mut right) = pair();
        let ending = thread::spawn(move || {
            right.drain();
            right.end(&boom());
        });
        left.monitor(1);
        left.monitor(2);
        ending.join().unwrap();
        left.drain();
        let mut references: Vec<_> = left.downs.iter().map(|down| down.reference).collect();
        references.sort();
        assert_eq!((references, left.state.len()), (vec![reference(1), reference(2)], 0));
    });
}

/// A monitor that is taken back while the other ends: no DOWN is left afterwards, and none comes.
#[test]
fn a_demonitor_against_down() {
    model(|| {
        let (mut left, mut right) = pair();
        left.monitor(1);
        right.drain();
        let ending = thread::spawn(move || right.end(&boom()));
        left.drain();
        left.demonitor(1);
        assert_eq!(left.downs, []);
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!((left.downs.len(), left.state.len()), (0, 0));
    });
}

/// A monitor that is taken back while the other looks at its signals: the other forgets it.
#[test]
fn a_demonitor_against_its_monitor() {
    model(|| {
        let (mut left, mut right) = pair();
        let draining = thread::spawn(move || {
            right.drain();
            right
        });
        left.monitor(1);
        left.demonitor(1);
        let mut right = draining.join().unwrap();
        settle(&mut left, &mut right);
        assert_eq!((left.downs.len(), left.state.len(), right.state.len()), (0, 0, 0));
    });
}

/// The watcher ends while its monitor is on the way: the watched process forgets it.
#[test]
fn the_end_of_a_watcher() {
    model(|| {
        let (mut left, mut right) = pair();
        let ending = thread::spawn(move || {
            left.monitor(1);
            left.end(&boom());
        });
        right.drain();
        ending.join().unwrap();
        right.drain();
        assert_eq!(right.state.len(), 0);
    });
}

/// Two that watch each other, and one ends: exactly one DOWN, and nothing is left.
#[test]
fn two_that_watch_each_other() {
    model(|| {
        let (mut left, mut right) = pair();
        let ending = thread::spawn(move || {
            right.monitor(2);
            right.drain();
            right.end(&boom());
        });
        left.monitor(1);
        left.drain();
        ending.join().unwrap();
        left.drain();
        assert_eq!((left.downs.len(), left.state.len()), (1, 0));
    });
}
