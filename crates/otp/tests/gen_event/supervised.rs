//! Handlers that live and end with the process that added them.

use crate::dummy::{DUMMY, Dummy, Happening, dummy, expect_nothing, handler_exit, no_ids};
use crate::node::{Record, atom, each_seed, settle};
use engset_otp::gen_event::{EventManager, HandlerExit, WhyExit};
use engset_otp::{CallError, Info};
use engset_process::{Cx, Dest, ExitReason, Mail, SpawnOptions, Target};
use engset_term::{Pid, Term};
use std::time::Duration;

type Manager = EventManager<Happening>;

fn pid_of(manager: &Manager) -> Pid {
    match manager.dest() {
        Dest::Pid(pid) => pid,
        dest => panic!("{dest:?}"),
    }
}

fn links(cx: &Cx<Term>) -> Vec<Pid> {
    cx.processes().info(cx.pid()).unwrap().links
}

/// A supervised handler is not added where its `init` fails; it is removed when who added it ends or sends the manager
/// an exit signal, and told of when the manager ends.
#[test]
fn add_sup_handler() {
    each_seed(|mut cx| async move {
        let (manager, record) = (Manager::start().await.unwrap(), Record::default());
        let failed = manager.add_sup_handler(&DUMMY, Dummy::failing(&record)).await;
        assert!(matches!(failed, Err(CallError::App(_))));
        assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
        assert_eq!(links(&cx), []);

        manager.add_sup_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        assert_eq!(links(&cx), [pid_of(&manager)]);
        cx.exit(pid_of(&manager), ExitReason::from(atom("sup_died")));
        assert_eq!(manager.which_handlers().await.unwrap(), no_ids());
        assert_eq!(record.take(), ["dummy left alone sup_died"]);
        assert_eq!(handler_exit(&mut cx, &DUMMY).await, WhyExit::Shutdown);

        manager.add_sup_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        manager.add_sup_handler(&dummy("me"), Dummy::new(&record)).await.unwrap();
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("me"), DUMMY]);
        manager.stop(ExitReason::from(atom("broken")), Duration::from_secs(5)).await.unwrap();
        assert_eq!(handler_exit(&mut cx, &dummy("me")).await, WhyExit::Shutdown);
        assert_eq!(handler_exit(&mut cx, &DUMMY).await, WhyExit::Shutdown);
        assert_eq!(record.take(), ["dummy stopped broken", "dummy stopped broken"]);
        expect_nothing(&mut cx).await;
    });
}

/// The handlers of a process go with it, and no others; the others are told of its end.
#[test]
fn handlers_end_with_the_process_that_added_them() {
    each_seed(|cx| async move {
        let (manager, record) = (Manager::start().await.unwrap(), Record::default());
        manager.add_handler(&dummy("stays"), Dummy::new(&record)).await.unwrap();
        let (adders, kept) = (manager.clone(), record.clone());
        let adder = cx
            .spawn(move |mut cx: Cx<Term>| async move {
                adders.add_sup_handler(&dummy("1"), Dummy::new(&kept)).await.unwrap();
                adders.add_sup_handler(&dummy("2"), Dummy::new(&kept)).await.unwrap();
                cx.recv().await;
                ExitReason::from(atom("gone"))
            })
            .unwrap();
        settle(&cx).await;
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("2"), dummy("1"), dummy("stays")]);
        cx.send(adder, Term::Nil).unwrap();
        settle(&cx).await;
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("stays")]);
        assert_eq!(record.take(), ["dummy left alone gone", "dummy left alone gone", "dummy exit gone"]);
    });
}

/// The link is there as long as there is a handler, and a killed manager takes the process with it.
#[test]
fn the_link_lasts_as_long_as_the_last_handler() {
    each_seed(|mut cx| async move {
        let (manager, record) = (Manager::start().await.unwrap(), Record::default());
        manager.add_sup_handler(&dummy("1"), Dummy::new(&record)).await.unwrap();
        manager.add_sup_handler(&dummy("2"), Dummy::new(&record)).await.unwrap();
        manager.delete_handler(&dummy("1")).await.unwrap();
        assert_eq!(handler_exit(&mut cx, &dummy("1")).await, WhyExit::Normal);
        assert_eq!(links(&cx), [pid_of(&manager)]);
        manager.delete_handler(&dummy("2")).await.unwrap();
        assert_eq!(handler_exit(&mut cx, &dummy("2")).await, WhyExit::Normal);
        assert_eq!(links(&cx), []);

        cx.trap_exit(true);
        manager.add_sup_handler(&dummy("3"), Dummy::new(&record)).await.unwrap();
        cx.exit(pid_of(&manager), ExitReason::Kill);
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((exit.from, exit.reason), (pid_of(&manager), ExitReason::Killed));
    });
}

/// A parent that supervises a handler stays linked to the manager when the handler is gone.
#[test]
fn a_parent_stays_linked() {
    each_seed(|mut cx| async move {
        let manager = Manager::start_link(&mut cx, None).await.unwrap();
        manager.add_sup_handler(&DUMMY, Dummy::new(&Record::default())).await.unwrap();
        manager.delete_handler(&DUMMY).await.unwrap();
        assert_eq!(handler_exit(&mut cx, &DUMMY).await, WhyExit::Normal);
        assert_eq!(links(&cx), [pid_of(&manager)]);
    });
}

/// A process with messages of its own gets the word as a foreign term, as a server does with [`Info`].
#[test]
fn a_process_with_a_protocol_of_its_own_is_told_too() {
    struct Own;
    impl engset_process::Protocol for Own {}
    each_seed(|mut cx| async move {
        let manager = Manager::start().await.unwrap();
        let adders = manager.clone();
        let body = move |mut cx: Cx<Own>| async move {
            adders.add_sup_handler(&DUMMY, Dummy::new(&Record::default())).await.unwrap();
            adders.notify(Happening::Delete).unwrap();
            let Mail::Other(term) = cx.recv().await else { panic!("nothing else is sent") };
            let exit = HandlerExit::from_term(&term).unwrap();
            assert!(exit.is(&DUMMY) && exit.why == WhyExit::Normal);
            assert_eq!(HandlerExit::from_term(&Term::atom("other")), None);
            drop(Info::Message(*term));
        };
        let (_, _) = cx.spawn_monitor(SpawnOptions::default(), body).unwrap();
        assert_eq!(crate::node::down(&mut cx).await.reason, ExitReason::Normal);
    });
}
