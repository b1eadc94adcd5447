//! What the end of an application means.

use crate::node::{Record, atom, down, each_seed, millis, settle};
use crate::probe::{NOBODY, Probe, no, which, with};
use engset_otp::application::{AppBehaviour, AppCx, AppError, Application, Controller, Env};
use engset_otp::{CallError, Restart, StartError};
use engset_process::ExitReason;
use engset_term::{Pid, Term};

fn reason(text: &str) -> ExitReason {
    ExitReason::from_term(Term::parse(text).unwrap())
}

/// What happens when an application of each kind ends for each reason.
#[test]
fn who_takes_the_controller_down() {
    for (restart, ending, takes_down) in [
        (Restart::Temporary, "normal", false),
        (Restart::Temporary, "broken", false),
        (Restart::Transient, "normal", false),
        (Restart::Transient, "shutdown", true),
        (Restart::Transient, "broken", true),
        (Restart::Permanent, "normal", true),
        (Restart::Permanent, "broken", true),
    ] {
        each_seed(move |mut cx| async move {
            let record = Record::default();
            let other = Probe::new("other", &record).app();
            let apps = with(Controller::default(), [Probe::new("a", &record).app(), other]).await;
            apps.start(atom("other"), Restart::Temporary).await.unwrap();
            apps.start(atom("a"), restart).await.unwrap();
            record.take();
            let watch = cx.monitor(apps.pid());
            cx.send(cx.processes().whereis(&atom("a")).unwrap(), Term::parse(ending).unwrap()).unwrap();
            settle(&cx).await;
            if takes_down {
                let ended = down(&mut cx).await;
                let expected = reason(&format!("{{application_terminated, a, {ending}}}"));
                assert_eq!((ended.reference, ended.reason), (watch, expected));
                let happened = record.take();
                let others = ["other prep_stop", "other ends shutdown", "other stop"];
                assert_eq!(happened, [["a prep_stop", "a stop"].as_slice(), &others].concat());
                assert_eq!(apps.stop(atom("other")).await, Err(CallError::NoProcess));
            } else {
                assert_eq!(which(&apps).await, [atom("other")]);
                assert_eq!(record.take(), ["a prep_stop", "a stop"]);
                apps.start(atom("a"), restart).await.unwrap();
            }
        });
    }
}

/// An application that is stopped by request takes nobody with it.
#[test]
fn a_stop_by_request_takes_nobody_down() {
    each_seed(|_| async move {
        let apps = with(Controller::default(), [Probe::new("a", &Record::default()).app()]).await;
        for _ in 0..3 {
            apps.start(atom("a"), Restart::Permanent).await.unwrap();
            apps.stop(atom("a")).await.unwrap();
        }
        assert_eq!(which(&apps).await, NOBODY);
    });
}

/// A permanent application that does not start takes the controller with it, and whoever started it is told.
#[test]
fn a_start_that_fails() {
    for (restart, fails_with, takes_down) in [
        (Restart::Temporary, "broken", false),
        (Restart::Transient, "normal", false),
        (Restart::Transient, "broken", true),
        (Restart::Permanent, "broken", true),
    ] {
        each_seed(move |mut cx| async move {
            let mut bad = Probe::new("a", &Record::default());
            bad.start_fails = Some(reason(fails_with));
            let apps = with(Controller::default(), [bad.app()]).await;
            cx.monitor(apps.pid());
            let failed = AppError::Start { app: atom("a"), reason: reason(fails_with) };
            assert_eq!(apps.start(atom("a"), restart).await, no(failed));
            if takes_down {
                let expected = reason(&format!("{{application_start_failure, a, {fails_with}}}"));
                assert_eq!(down(&mut cx).await.reason, expected);
            } else {
                assert_eq!(which(&apps).await, NOBODY);
            }
        });
    }
}

/// A panic in a start is its failure.
#[test]
fn a_start_that_panics() {
    struct Panicking;
    impl AppBehaviour for Panicking {
        async fn start(&mut self, _: &Env, _: &mut AppCx) -> Result<Pid, StartError> {
            panic!("told to");
        }
    }
    each_seed(|_| async move {
        let apps = with(Controller::default(), [Application::new(atom("a"), || Panicking)]).await;
        let failed = apps.start(atom("a"), Restart::Temporary).await;
        let Err(CallError::App(AppError::Start { reason, .. })) = failed else { panic!("{failed:?}") };
        assert!(reason.to_string().contains("told to"), "{reason}");
        assert_eq!(which(&apps).await, NOBODY);
    });
}

/// A panic before the stop does not keep the application from stopping.
#[test]
fn a_panic_in_a_callback_changes_nothing() {
    each_seed(|_| async move {
        let record = Record::default();
        let mut a = Probe::new("a", &record);
        a.prep_stop_panics = true;
        let apps = with(Controller::default(), [a.app()]).await;
        apps.start(atom("a"), Restart::Permanent).await.unwrap();
        apps.stop(atom("a")).await.unwrap();
        assert_eq!(record.take(), ["a start", "a prep_stop", "a ends shutdown", "a stop"]);
        assert_eq!(which(&apps).await, NOBODY);
    });
}

/// An application ends when it has run for as long as it may, not before, and as one whose work is done.
#[test]
fn max_time() {
    each_seed(|cx| async move {
        let record = Record::default();
        let a = Probe::new("a", &record).app().max_time(millis(100));
        let apps = with(Controller::default(), [a]).await;
        apps.start(atom("a"), Restart::Transient).await.unwrap();
        cx.sleep(millis(99)).await;
        assert_eq!(which(&apps).await, [atom("a")]);
        cx.sleep(millis(2)).await;
        assert_eq!(which(&apps).await, NOBODY);
        assert_eq!(record.take(), ["a start", "a prep_stop", "a ends shutdown", "a stop"]);
    });
}

/// An application that ends while somebody stops it has been stopped.
#[test]
fn an_end_while_it_is_stopped() {
    each_seed(|cx| async move {
        let apps = with(Controller::default(), [Probe::new("a", &Record::default()).app()]).await;
        apps.start(atom("a"), Restart::Permanent).await.unwrap();
        let top = cx.processes().whereis(&atom("a")).unwrap();
        let stopping = apps.stop(atom("a"));
        cx.send(top, Term::atom("broken")).unwrap();
        // Whoever is first: it is stopped, or its end takes the controller down.
        match stopping.await {
            Ok(()) => assert_eq!(which(&apps).await, NOBODY),
            Err(error) => assert!(
                matches!(
                    error,
                    CallError::App(AppError::Ending | AppError::NotStarted(_)) | CallError::Down { .. }
                ) || error == CallError::NoProcess,
                "{error:?}"
            ),
        }
    });
}
