//! The end of a controller.

use crate::node::{Record, atom, down, each_seed, millis, on_threads, settle};
use crate::probe::{Flag, Probe, no, with};
use engset_otp::application::{AppError, Applications, Controller};
use engset_otp::{CallError, Restart};
use engset_process::{Cx, ExitReason, Mail};
use engset_term::Term;
use std::time::Duration;

const TEMPORARY: Restart = Restart::Temporary;

async fn end(apps: &Applications) {
    apps.shut_down(ExitReason::from(atom("halt")), Duration::from_secs(3_600)).await.unwrap();
}

/// What is to run at the end runs first, with the reason, also where it panics.
#[test]
fn shutdown_func() {
    each_seed(|_| async move {
        for panics in [false, true] {
            let record = Record::default();
            let told = record.clone();
            let controller = Controller::default().on_shutdown(move |reason| {
                told.add(format!("shutdown {reason}"));
                assert!(!panics, "told to");
            });
            let apps = with(controller, [Probe::new("a", &record).app()]).await;
            apps.start(atom("a"), TEMPORARY).await.unwrap();
            record.take();
            end(&apps).await;
            assert_eq!(record.take(), ["shutdown halt", "a prep_stop", "a ends shutdown", "a stop"]);
        }
    });
}

/// An application that does not stop in time is killed with all that it runs, one that does is not; without a limit it
/// takes as long as it takes.
#[test]
fn shutdown_timeout() {
    for (limit, takes, is_killed) in [
        (Some(millis(100)), Some(millis(99)), false),
        (Some(millis(100)), Some(millis(101)), true),
        (Some(millis(100)), None, true),
        (None, Some(Duration::from_secs(600)), false),
    ] {
        each_seed(move |cx| async move {
            let record = Record::default();
            let (mut a, b) = (Probe::new("a", &record), Probe::new("b", &record));
            a.stop_takes = takes;
            let controller = Controller::default();
            let controller = match limit {
                Some(limit) => controller.shutdown_timeout(limit),
                None => controller,
            };
            let apps = with(controller, [a.app(), b.app()]).await;
            apps.start(atom("b"), TEMPORARY).await.unwrap();
            apps.start(atom("a"), TEMPORARY).await.unwrap();
            record.take();
            let before = cx.processes().scheduler().now();
            end(&apps).await;
            let took = cx.processes().scheduler().now().saturating_duration_since(before);
            let happened = record.take();
            assert_eq!(happened.contains(&"a stop".to_owned()), !is_killed, "{happened:?}");
            assert!(happened.ends_with(&["b prep_stop", "b ends shutdown", "b stop"].map(str::to_owned)));
            let expected = if is_killed { limit } else { takes };
            assert!(
                expected.is_some_and(|expected| took >= expected && took < expected + millis(1)),
                "{took:?}"
            );
            if takes.is_some() {
                cx.sleep(millis(200)).await;
                assert_eq!(cx.processes().whereis(&atom("a")), None);
            }
        });
    }
}

/// Whoever asks the controller while it ends is refused at once: nobody waits for somebody who waits for it.
#[test]
fn shutdown_deadlock() {
    let main = |mut cx: Cx<Term>| async move {
        let record = Record::default();
        let apps = with(Controller::default(), [Probe::new("a", &record).app()]).await;
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        // It keeps the application from ending until the controller has answered it.
        let (asking, answered, ready) = (apps.clone(), record.clone(), Flag::default());
        let is_ready = ready.clone();
        let guest = move |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            is_ready.set();
            let Mail::Exit(_) = cx.recv().await else { panic!("nothing else is sent") };
            assert_eq!(asking.stop(atom("a")).await, no(AppError::Ending));
            assert_eq!(asking.start(atom("a"), TEMPORARY).await, no(AppError::Ending));
            assert_eq!(asking.which_applications().await, no(AppError::Ending));
            assert_eq!(
                asking.change_config(engset_otp::application::Config::new()).await,
                no(AppError::Ending)
            );
            answered.add("answered");
        };
        let app = engset_otp::application::Application::supervisor(atom("deadlock"), move |_| {
            let guest = guest.clone();
            let child = engset_otp::Child::process("guest", move || guest.clone());
            engset_otp::Supervisor::one_for_one().child(child.shutdown(engset_otp::Shutdown::Infinity))
        });
        apps.load(app).await.unwrap();
        apps.start(atom("deadlock"), TEMPORARY).await.unwrap();
        ready.wait().await;
        cx.monitor(apps.pid());
        end(&apps).await;
        assert_eq!(down(&mut cx).await.reason, ExitReason::from(atom("halt")));
        assert_eq!(record.take(), ["a start", "answered", "a prep_stop", "a ends shutdown", "a stop"]);
    };
    each_seed(main);
    on_threads(main);
}

/// Applications are stopped in the reverse order of their starts, each when the one before has stopped.
#[test]
fn the_last_is_stopped_first() {
    each_seed(|_| async move {
        let record = Record::default();
        let mut slow = Probe::new("b", &record);
        slow.stop_takes = Some(millis(50));
        let (a, c) = (Probe::new("a", &record), Probe::new("c", &record));
        let apps = with(Controller::default(), [a.app(), slow.app(), c.app()]).await;
        for name in ["a", "b", "c"] {
            apps.start(atom(name), TEMPORARY).await.unwrap();
        }
        record.take();
        end(&apps).await;
        let happened = record.take();
        let stops: Vec<&str> = happened.iter().filter_map(|fact| fact.strip_suffix(" stop")).collect();
        assert_eq!(stops, ["c", "b", "a"]);
        assert_eq!(happened.len(), 9);
    });
}

/// An application that is starting when the controller ends is killed, and whoever waits is told.
#[test]
fn a_start_is_cut_short() {
    each_seed(|cx| async move {
        let record = Record::default();
        let mut slow = Probe::new("a", &record);
        slow.start_takes = Duration::from_secs(10);
        let apps = with(Controller::default(), [slow.app()]).await;
        let (starting, told) = (apps.clone(), record.clone());
        cx.spawn::<Term, _, _>(move |_| async move {
            assert_eq!(starting.start(atom("a"), TEMPORARY).await, no(AppError::Ending));
            told.add("told");
        })
        .unwrap();
        settle(&cx).await;
        end(&apps).await;
        settle(&cx).await;
        assert_eq!(record.take(), ["told"]);
        assert_eq!(cx.processes().count(), 2);
    });
}

/// A controller that is killed takes its applications with it, which stop as they do; a linked one ends with its
/// parent.
#[test]
fn applications_end_with_their_controller() {
    each_seed(|cx| async move {
        let record = Record::default();
        let apps = with(Controller::default(), [Probe::new("a", &record).app()]).await;
        apps.start(atom("a"), TEMPORARY).await.unwrap();
        cx.exit(apps.pid(), ExitReason::Kill);
        settle(&cx).await;
        assert_eq!(record.take(), ["a start", "a prep_stop", "a ends killed", "a stop"]);
        assert_eq!(apps.start(atom("a"), TEMPORARY).await, Err(CallError::NoProcess));

        let (probe, happened) = (Probe::new("a", &record), record.clone());
        let parent = |mut cx: Cx<Term>| async move {
            let apps = Controller::default().start_link(&mut cx).await.unwrap();
            apps.load(probe.app()).await.unwrap();
            apps.start(atom("a"), TEMPORARY).await.unwrap();
            cx.recv().await;
            ExitReason::from(atom("gone"))
        };
        let parent = cx.spawn(parent).unwrap();
        settle(&cx).await;
        cx.send(parent, Term::Nil).unwrap();
        settle(&cx).await;
        assert_eq!(happened.take(), ["a start", "a prep_stop", "a ends shutdown", "a stop"]);
        assert_eq!(cx.processes().count(), 2);
    });
}
