//! Handlers added, deleted, swapped, told and asked.

use crate::dummy::{
    DUMMY, Do, Dummy, Greet, Happening, OTHER, Other, dummy, expect_nothing, faulty, handler_exit, no_ids,
    other,
};
use crate::node::{Record, atom, each_seed, on_threads};
use engset_otp::CallError;
use engset_otp::gen_event::{EventManager, HandlerError, WhyExit};
use engset_process::{Dest, ExitReason, SendError, Target};
use engset_term::{Atom, Term};
use std::time::Duration;

const MANAGER: Atom = Atom::from_static("my_dummy_handler");

async fn manager() -> EventManager<Happening> {
    EventManager::<Happening>::start_named(Some(MANAGER)).await.unwrap();
    EventManager::named(MANAGER)
}

fn my_error() -> CallError<HandlerError> {
    CallError::App(HandlerError::Failed(ExitReason::from(atom("my_error"))))
}

const NO_HANDLER: CallError<HandlerError> = CallError::App(HandlerError::NoHandler);

/// A handler whose `init` fails is not added; several of one type have names; the newest is the first.
#[test]
fn add_handler() {
    each_seed(|_| async {
        let (manager, record) = (manager().await, Record::default());
        assert_eq!(manager.add_handler(&DUMMY, Dummy::failing(&record)).await, Err(my_error()));
        assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [DUMMY]);

        assert_eq!(manager.add_handler(&dummy("me"), Dummy::failing(&record)).await, Err(my_error()));
        assert_eq!(manager.which_handlers().await.unwrap(), [DUMMY]);
        manager.add_handler(&dummy("me"), Dummy::new(&record)).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("me"), DUMMY]);
        let again = manager.add_handler(&DUMMY, Dummy::new(&record)).await;
        assert_eq!(again, Err(CallError::App(HandlerError::AlreadyPresent)));
        assert_eq!(record.take(), [""; 0], "none was terminated");
    });
}

/// A deleted handler comes back after its `terminate`; one that is not there is an error.
#[test]
fn delete_handler() {
    each_seed(|_| async {
        let (manager, record) = (manager().await, Record::default());
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        assert_eq!(manager.delete_handler(&OTHER).await.unwrap_err(), NO_HANDLER);
        assert_eq!(manager.delete_handler(&dummy("1")).await.unwrap_err(), NO_HANDLER);
        manager.call(&DUMMY, Greet).await.unwrap();
        assert_eq!(manager.delete_handler(&DUMMY).await.unwrap().greeted, 1, "it is the same handler");
        assert_eq!(record.take(), ["dummy deleted"]);
        assert_eq!(manager.which_handlers().await.unwrap(), no_ids());

        manager.add_handler(&dummy("1"), Dummy::new(&record)).await.unwrap();
        manager.add_handler(&dummy("2"), Dummy::new(&record)).await.unwrap();
        manager.delete_handler(&dummy("1")).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("2")]);
        manager.delete_handler(&dummy("2")).await.unwrap();
        assert_eq!(manager.delete_handler(&dummy("2")).await.unwrap_err(), NO_HANDLER);
        assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
    });
}

/// A handler takes another's place and what that one knows; where there was none, it begins with nothing.
#[test]
fn swap_handler() {
    each_seed(|_| async {
        let (manager, record) = (manager().await, Record::default());
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        manager.call(&DUMMY, Greet).await.unwrap();
        let make = |old: Option<Dummy>| old.unwrap().into_other();
        manager.swap_handler(&DUMMY, &OTHER, make).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [OTHER]);
        assert_eq!(
            manager.call(&OTHER, Do(Happening::Event(1))).await,
            Ok(1),
            "it knows what the other knew"
        );
        assert_eq!(record.take(), ["dummy swapped", "other Event(1)"]);
        manager.delete_handler(&OTHER).await.unwrap();

        manager.add_handler(&dummy("3"), Dummy::new(&record)).await.unwrap();
        manager.swap_handler(&dummy("3"), &other("4"), make).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [other("4")]);
        let fresh = record.clone();
        let from_nothing = move |old: Option<Dummy>| {
            assert!(old.is_none());
            Other { record: fresh, greeted: 9 }
        };
        manager.swap_handler(&DUMMY, &OTHER, from_nothing).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [OTHER, other("4")]);
        let taken = manager.swap_handler(&other("4"), &OTHER, |old| old.unwrap()).await;
        assert_eq!(taken, Err(CallError::App(HandlerError::AlreadyPresent)));
        assert_eq!(manager.which_handlers().await.unwrap(), [OTHER, other("4")], "nothing was done");
        let ended = manager.swap_handler(&other("4"), &DUMMY, move |_| Dummy::failing(&record)).await;
        assert_eq!(ended, Err(my_error()));
        assert_eq!(manager.which_handlers().await.unwrap(), [OTHER], "neither is there");
    });
}

/// Who supervises a handler supervises what takes its place, or who swaps does; each is told of each end.
#[test]
fn swap_sup_handler() {
    each_seed(|mut cx| async move {
        let (manager, record) = (manager().await, Record::default());
        let make = |old: Option<Dummy>| old.unwrap().into_other();
        manager.add_sup_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        manager.swap_handler(&DUMMY, &OTHER, make).await.unwrap();
        let swapped = |by: Term, supervisor| WhyExit::Swapped { by, supervisor: Some(supervisor) };
        let me = cx.pid();
        assert_eq!(handler_exit(&mut cx, &DUMMY).await, swapped(OTHER.any().to_term(), me));
        manager.delete_handler(&OTHER).await.unwrap();
        assert_eq!(handler_exit(&mut cx, &OTHER).await, WhyExit::Normal);

        manager.add_handler(&dummy("3"), Dummy::new(&record)).await.unwrap();
        manager.swap_sup_handler(&dummy("3"), &other("4"), make).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [other("4")]);
        expect_nothing(&mut cx).await;
        manager.delete_handler(&other("4")).await.unwrap();
        assert_eq!(handler_exit(&mut cx, &other("4")).await, WhyExit::Normal);
        expect_nothing(&mut cx).await;
        let gone = WhyExit::Failed(ExitReason::from(atom("my_error")));
        manager.add_sup_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        manager.swap_handler(&DUMMY, &dummy("5"), move |_| Dummy::failing(&record)).await.unwrap_err();
        assert_eq!(handler_exit(&mut cx, &DUMMY).await, gone);
    });
}

/// What every way of telling an event must do: the handler gets it, may be swapped, may remove itself, may fail, and may
/// panic; and whoever supervises it hears of its end.
macro_rules! telling {
    ($cx:ident, $manager:ident, $record:ident, $tell:expr) => {
        for name in [None, Some(atom("9"))] {
            let (one, two) = match &name {
                None => (DUMMY, OTHER),
                Some(name) => (dummy(name.as_str()), other(name.as_str())),
            };
            let swap = Happening::Swap(name.clone());
            $manager.add_handler(&one, Dummy::new(&$record)).await.unwrap();
            $tell(Happening::Event(1)).await;
            $tell(swap.clone()).await;
            assert_eq!($manager.which_handlers().await.unwrap(), std::slice::from_ref(&two));
            $tell(Happening::Event(2)).await;
            $tell(Happening::Delete).await;
            assert_eq!($manager.which_handlers().await.unwrap(), no_ids());
            let swap_line = format!("dummy {swap:?}");
            assert_eq!(
                $record.take(),
                [
                    "dummy Event(1)",
                    &swap_line,
                    "dummy swapped",
                    "other Event(2)",
                    "other Delete",
                    "other removed"
                ]
            );
            $manager.add_handler(&one, Dummy::new(&$record)).await.unwrap();
            $tell(Happening::Error).await;
            assert_eq!($manager.which_handlers().await.unwrap(), no_ids());
            assert_eq!($record.take(), ["dummy Error", "dummy failed {return,faulty}"]);

            $manager.add_sup_handler(&one, Dummy::new(&$record)).await.unwrap();
            $tell(Happening::Crash).await;
            let WhyExit::Failed(reason) = handler_exit(&mut $cx, &one).await else { panic!("it panics") };
            assert!(reason.to_string().contains("dummy told to"), "{reason}");
            $manager.add_sup_handler(&one, Dummy::new(&$record)).await.unwrap();
            $tell(swap).await;
            let why = handler_exit(&mut $cx, &one).await;
            assert_eq!(why, WhyExit::Swapped { by: two.any().to_term(), supervisor: Some($cx.pid()) });
            $tell(Happening::Delete).await;
            assert_eq!(handler_exit(&mut $cx, &two).await, WhyExit::Normal);
            $manager.add_sup_handler(&one, Dummy::new(&$record)).await.unwrap();
            $tell(Happening::Error).await;
            assert_eq!(handler_exit(&mut $cx, &one).await, WhyExit::Failed(faulty()));
            assert_eq!($manager.which_handlers().await.unwrap(), no_ids());
            $record.take();
        }
        expect_nothing(&mut $cx).await;
    };
}

/// Events by cast.
#[test]
fn notify() {
    each_seed(|mut cx| async move {
        let (manager, record) = (manager().await, Record::default());
        let tell = async |event| manager.notify(event).unwrap();
        telling!(cx, manager, record, tell);
        let nobody = EventManager::named(atom("nobody"));
        assert!(matches!(nobody.notify(Happening::Event(1)), Err(SendError::NoProcess(_))));
    });
}

/// Events by call: they have been handled when it returns.
#[test]
fn sync_notify() {
    each_seed(|mut cx| async move {
        let (manager, record) = (manager().await, Record::default());
        let tell = async |event| manager.sync_notify(event).await.unwrap();
        telling!(cx, manager, record, tell);
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        manager.sync_notify(Happening::Event(7)).await.unwrap();
        assert_eq!(record.take(), ["dummy Event(7)"]);
        let nobody = EventManager::named(atom("nobody"));
        assert_eq!(nobody.sync_notify(Happening::Event(1)).await, Err(CallError::NoProcess));
    });
}

/// One handler is asked, and answers also when it is swapped or removes itself with it; one that fails is gone, and the
/// caller is told why.
#[test]
fn call() {
    each_seed(|mut cx| async move {
        let (manager, record) = (manager().await, Record::default());
        for name in [None, Some(atom("1"))] {
            let one = name.clone().map_or(DUMMY, |name| dummy(name.as_str()));
            let two = name.clone().map_or(OTHER, |name| other(name.as_str()));
            manager.add_sup_handler(&one, Dummy::new(&record)).await.unwrap();
            assert_eq!(manager.call(&two, Do(Happening::Delete)).await, Err(NO_HANDLER));
            assert_eq!(manager.call(&one, Greet).await, Ok("hejhopp"));
            let hurried = manager.call(&one, Greet).timeout(Duration::ZERO).await;
            assert_eq!(hurried, Err(CallError::Timeout { begun: false }));
            assert_eq!(manager.call(&one, Do(Happening::Swap(name.clone()))).await, Ok("done"));
            assert!(matches!(handler_exit(&mut cx, &one).await, WhyExit::Swapped { .. }));
            assert_eq!(manager.which_handlers().await.unwrap(), std::slice::from_ref(&two));
            assert_eq!(manager.call(&one, Greet).await, Err(NO_HANDLER));
            assert_eq!(
                manager.call(&two, Do(Happening::Delete)).await,
                Ok(1),
                "the hurried call did not run"
            );
            assert_eq!(handler_exit(&mut cx, &two).await, WhyExit::Normal);
            assert_eq!(manager.which_handlers().await.unwrap(), no_ids());

            manager.add_sup_handler(&one, Dummy::new(&record)).await.unwrap();
            let failed = manager.call(&one, Do(Happening::Error)).await;
            assert_eq!(failed, Err(CallError::App(HandlerError::Failed(faulty()))));
            assert_eq!(handler_exit(&mut cx, &one).await, WhyExit::Failed(faulty()));
            assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
            manager.add_sup_handler(&one, Dummy::new(&record)).await.unwrap();
            let crashed = manager.call(&one, Do(Happening::Crash)).await;
            let Err(CallError::App(HandlerError::Failed(reason))) = crashed else { panic!("{crashed:?}") };
            assert!(reason.to_string().contains("dummy told to"), "{reason}");
            assert_eq!(handler_exit(&mut cx, &one).await, WhyExit::Failed(reason));
            assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
        }
        let nobody: EventManager<Happening> = EventManager::named(atom("nobody"));
        assert_eq!(nobody.call(&DUMMY, Greet).await, Err(CallError::NoProcess));
        expect_nothing(&mut cx).await;
    });
}

/// What is no event reaches all handlers: foreign terms, and the ends of other processes.
#[test]
fn info() {
    each_seed(|mut cx| async move {
        let (manager, record) = (manager().await, Record::default());
        let to = manager.dest();
        let (processes, me) = (std::sync::Arc::clone(cx.processes()), cx.pid());
        let say = |what: &'static str| processes.send(me, &to, Term::atom(what)).unwrap();
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        say("hello");
        say("swap");
        assert_eq!(manager.which_handlers().await.unwrap(), [OTHER]);
        say("again");
        say("delete");
        assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
        assert_eq!(
            record.take(),
            ["dummy info hello", "dummy Swap(None)", "dummy swapped", "other info again", "other removed"]
        );
        for (what, panics) in [("error", false), ("crash", true)] {
            manager.add_sup_handler(&dummy("s"), Dummy::new(&record)).await.unwrap();
            say(what);
            let WhyExit::Failed(reason) = handler_exit(&mut cx, &dummy("s")).await else { panic!("{what}") };
            assert_eq!(reason == faulty(), !panics, "{reason}");
            say("nobody hears this");
            assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
        }
        record.take();
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        let Dest::Name(name) = &to else { panic!("it is a name") };
        let pid = cx.processes().whereis(name).unwrap();
        cx.exit(pid, ExitReason::from(atom("bye")));
        assert_eq!(manager.which_handlers().await.unwrap(), [DUMMY], "it traps exits");
        assert_eq!(record.take(), ["dummy exit bye"]);
    });
}

/// With worker threads: events from several processes reach every handler once.
#[test]
fn events_reach_every_handler_once_with_threads() {
    on_threads(|cx| async move {
        let (manager, record) = (manager().await, Record::default());
        for name in ["a", "b"] {
            manager.add_handler(&dummy(name), Dummy::new(&record)).await.unwrap();
        }
        let tellers: Vec<_> = (0..4)
            .map(|_| {
                let manager = manager.clone();
                cx.spawn(move |_: engset_process::Cx<Term>| async move {
                    for number in 0..100 {
                        manager.notify(Happening::Event(number)).unwrap();
                    }
                    manager.sync_notify(Happening::Event(100)).await.unwrap();
                })
                .unwrap()
            })
            .collect();
        for teller in tellers {
            while cx.processes().is_alive(teller.pid()) {
                manager.which_handlers().await.unwrap();
            }
        }
        assert_eq!(record.take().len(), 2 * 4 * 101);
    });
}
