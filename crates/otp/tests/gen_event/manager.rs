//! The manager itself: starting, stopping, its names, its limit.

use crate::dummy::{DUMMY, Dummy, Happening, dummy, expect_nothing};
use crate::node::{Record, atom, down, each_seed, with_seed};
use engset_otp::gen_event::{EventManager, HANDLERS_MAX, HandlerError, HandlerId};
use engset_otp::{CallError, StartError, StopError, Supervisor};
use engset_process::{Addr, Cx, ExitReason, Mail, RegisterError, SpawnError, SpawnOptions, Target};
use engset_term::{Atom, Term};
use std::time::Duration;

const NAME: Atom = Atom::from_static("my_dummy_name");
const PATIENCE: Duration = Duration::from_secs(10);

type Manager = EventManager<Happening>;

/// A manager is started with and without a name, linked or not; a name is taken once, and free after the end.
#[test]
fn start() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let manager: Manager = EventManager::start().await.unwrap();
        assert!(manager.which_handlers().await.unwrap().is_empty());
        assert_eq!(manager.stop(ExitReason::Normal, PATIENCE).await, Ok(()));
        assert_eq!(manager.stop(ExitReason::Normal, PATIENCE).await, Err(StopError::NoProcess));

        let linked: Manager = EventManager::start_link(&mut cx, None).await.unwrap();
        linked.stop(ExitReason::Shutdown, PATIENCE).await.unwrap();
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!(exit.reason, ExitReason::Shutdown);

        let processes = std::sync::Arc::clone(cx.processes());
        let on: Manager = EventManager::start_on(&processes, Some(NAME)).await.unwrap();
        let named = Manager::named(NAME);
        assert!(named.which_handlers().await.unwrap().is_empty());
        let by = cx.processes().whereis(&NAME).unwrap();
        let taken = StartError::Spawn(SpawnError::Register(RegisterError::Taken { name: NAME, by }));
        assert_eq!(Manager::start_named(Some(NAME)).await.unwrap_err(), taken);
        assert_eq!(Manager::start_link(&mut cx, Some(NAME)).await.unwrap_err(), taken);
        named.stop(ExitReason::Normal, PATIENCE).await.unwrap();
        assert_eq!(on.which_handlers().await, Err(CallError::NoProcess));
        Manager::start_named(Some(NAME)).await.expect("the name is free");
        expect_nothing(&mut cx).await;
    });
}

/// A monitored manager tells of its end; a linked one ends with its parent, after its handlers.
#[test]
fn start_opt() {
    each_seed(|mut cx| async move {
        let (manager, monitor) = Manager::start_monitor(&mut cx, Some(NAME)).await.unwrap();
        manager.stop(ExitReason::from(atom("over")), PATIENCE).await.unwrap();
        let told = down(&mut cx).await;
        assert_eq!((told.reference, told.reason), (monitor, ExitReason::from(atom("over"))));

        let record = Record::default();
        let kept = record.clone();
        let body = move |mut cx: Cx<Term>| async move {
            let manager = Manager::start_link(&mut cx, None).await.unwrap();
            manager.add_handler(&dummy("1"), Dummy::new(&kept)).await.unwrap();
            manager.add_handler(&dummy("2"), Dummy::new(&kept)).await.unwrap();
            ExitReason::Shutdown
        };
        let (_parent, _): (Addr<Term>, _) = cx.spawn_monitor(SpawnOptions::default(), body).unwrap();
        assert_eq!(down(&mut cx).await.reason, ExitReason::Shutdown);
        crate::node::settle(&cx).await;
        assert_eq!(record.take(), ["dummy stopped shutdown", "dummy stopped shutdown"]);
    });
}

/// A supervised manager is started again under its name, without handlers.
#[test]
fn a_supervisor_restarts_a_manager() {
    each_seed(|mut cx| async move {
        let shop = Supervisor::one_for_one().child(Manager::child(NAME));
        shop.start_link(&mut cx).await.unwrap();
        let manager = Manager::named(NAME);
        manager.add_handler(&DUMMY, Dummy::new(&Record::default())).await.unwrap();
        let first = cx.processes().whereis(&NAME).unwrap();
        cx.exit(first, ExitReason::Kill);
        crate::node::settle(&cx).await;
        assert!(manager.which_handlers().await.unwrap().is_empty());
        assert_ne!(cx.processes().whereis(&NAME), Some(first));
    });
}

/// What waits for a manager hears of its end: callers with the reason; what came before `stop` is done.
#[test]
fn callers_hear_of_the_managers_end() {
    each_seed(|cx| async move {
        let record = Record::default();
        let manager = Manager::start().await.unwrap();
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        for number in 0..10 {
            manager.notify(Happening::Event(number)).unwrap();
        }
        manager.stop(ExitReason::Normal, PATIENCE).await.unwrap();
        assert_eq!(record.take().len(), 11);
        let manager = Manager::start().await.unwrap();
        let engset_process::Dest::Pid(pid) = manager.dest() else { panic!("it has no name") };
        cx.exit(pid, ExitReason::Kill);
        let error = manager.sync_notify(Happening::Event(1)).await.unwrap_err();
        assert!(matches!(error, CallError::NoProcess | CallError::Down { begun: false, .. }), "{error}");
    });
}

/// As many handlers are added as the limit says.
#[test]
fn a_manager_has_as_many_handlers_as_the_limit_says() {
    with_seed(3, |_| async {
        let record = Record::default();
        let manager = Manager::start().await.unwrap();
        let name = |number: usize| HandlerId::<Dummy>::named(atom(&number.to_string()));
        for number in 0..HANDLERS_MAX {
            manager.add_handler(&name(number), Dummy::new(&record)).await.unwrap();
        }
        let more = manager.add_handler(&DUMMY, Dummy::new(&record)).await;
        assert_eq!(more, Err(CallError::App(HandlerError::TooMany(HANDLERS_MAX))));
        manager.delete_handler(&name(5)).await.unwrap();
        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
    });
}
