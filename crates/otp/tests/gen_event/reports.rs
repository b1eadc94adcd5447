//! What is told of a handler that failed, and of a manager that crashed.

use crate::log::Log;
use crate::node::{atom, settle, with_seed};
use engset_otp::gen_event::{EventHandler, EventManager, HandleCall, HandlerId, ManagerCx, Next};
use engset_process::{Exit, ExitReason};

const MODULE: &str = "gen_event::reports::Bell<true>";
const BELL: HandlerId<Bell<true>> = HandlerId::of_type();

/// A bell; one that is `OPEN` tells everything that it holds.
struct Bell<const OPEN: bool>(u32);

#[derive(Debug)]
enum Pull {
    Hard,
    Twice,
}

/// A request.
#[derive(Debug)]
struct Tune(u32);

impl<const OPEN: bool> EventHandler for Bell<OPEN> {
    type Event = Pull;

    async fn handle_event(&mut self, pull: &Pull, _: &mut ManagerCx<Pull>) -> Result<Next<Self>, Exit> {
        match pull {
            Pull::Hard => panic!("it broke"),
            Pull::Twice => Err(Exit(ExitReason::from(atom("tired")))),
        }
    }

    fn format_event(pull: &Pull) -> Option<String> {
        OPEN.then(|| format!("{pull:?}"))
    }

    fn format_state(&self) -> Option<String> {
        assert!(self.0 != 666, "it cannot say");
        OPEN.then(|| format!("at {}", self.0))
    }
}

impl<const OPEN: bool> HandleCall<Tune> for Bell<OPEN> {
    type Answer = ();

    async fn handle_call(&mut self, tune: Tune, _: &mut ManagerCx<Pull>) -> Result<((), Next<Self>), Exit> {
        panic!("not to {}", tune.0)
    }

    fn format_request(tune: &Tune) -> Option<String> {
        OPEN.then(|| format!("{tune:?}"))
    }
}

#[test]
fn a_handler_that_fails_is_told_with_its_manager() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let bells = EventManager::start_named(Some(atom("bells"))).await.unwrap();
        let pid = cx.processes().whereis(&atom("bells")).unwrap();
        bells.add_sup_handler(&BELL, Bell(7)).await.unwrap();
        bells.sync_notify(Pull::Twice).await.unwrap();
        let report = log.only();
        let line = format!(
            "event handler `{MODULE}` of manager bells {pid} failed while it served `gen_event::reports::Pull`, \
             and is removed: tired"
        );
        let me = cx.pid().to_string();
        for (field, expected) in [
            ("message", line.as_str()),
            ("manager", &pid.to_string()),
            ("names", "bells"),
            ("handler", MODULE),
            ("module", MODULE),
            ("reason", "tired"),
            ("last_message", "gen_event::reports::Pull"),
            ("request", "Twice"),
            ("state", "at 7"),
            ("caller", &me),
            ("supervisor", &me),
        ] {
            assert_eq!(report[field], expected, "{field}");
        }
        assert!(cx.processes().is_alive(pid), "the manager goes on");
    });
}

#[test]
fn a_panic_is_told_with_its_place_and_the_request() {
    with_seed(1, |_| async move {
        let log = Log::listen();
        let bells = EventManager::start().await.unwrap();
        let chime = HandlerId::<Bell<true>>::named(atom("chime"));
        bells.add_handler(&chime, Bell(8)).await.unwrap();
        bells.sync_notify(Pull::Hard).await.unwrap();
        let report = log.only();
        assert!(
            report["reason"].contains("it broke") && report["reason"].contains("reports.rs:"),
            "{report:?}"
        );
        assert_eq!((report["request"].as_str(), report["state"].as_str()), ("Hard", "at 8"));
        assert_eq!(report["handler"], format!("{{{MODULE},chime}}"));
        bells.add_handler(&BELL, Bell(9)).await.unwrap();
        bells.call(&BELL, Tune(440)).await.unwrap_err();
        let report = log.only();
        assert_eq!(report["last_message"], "gen_event::reports::Tune");
        assert_eq!((report["request"].as_str(), report["state"].as_str()), ("Tune(440)", "at 9"));
    });
}

#[test]
fn a_state_that_cannot_be_told_does_not_hide_the_failure() {
    with_seed(1, |_| async move {
        let log = Log::listen();
        let bells = EventManager::start().await.unwrap();
        bells.add_handler(&BELL, Bell(666)).await.unwrap();
        bells.sync_notify(Pull::Hard).await.unwrap();
        let report = log.only();
        assert!(report["reason"].contains("it broke"), "{report:?}");
        assert_eq!(report.get("state"), None);
    });
}

#[test]
fn secrets_are_never_told() {
    with_seed(1, |_| async move {
        let log = Log::listen();
        let bells = EventManager::start().await.unwrap();
        let closed = HandlerId::<Bell<false>>::of_type();
        for is_call in [false, true] {
            bells.add_handler(&closed, Bell(7)).await.unwrap();
            if is_call {
                bells.call(&closed, Tune(440)).await.unwrap_err();
            } else {
                bells.sync_notify(Pull::Twice).await.unwrap();
            }
            let report = log.only();
            assert_eq!((report.get("request"), report.get("state")), (None, None));
        }
    });
}

#[test]
fn a_manager_that_is_killed_names_its_handlers() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let bells = EventManager::start_named(Some(atom("bells"))).await.unwrap();
        let pid = cx.processes().whereis(&atom("bells")).unwrap();
        bells.add_handler(&BELL, Bell(1)).await.unwrap();
        cx.exit(pid, ExitReason::Kill);
        settle(&cx).await;
        let report = log.only();
        let line = format!(
            "event manager `gen_event::reports::Pull` bells {pid} crashed while it served `add_handler`: killed"
        );
        assert_eq!(report["message"], line);
        assert_eq!(report["state"], format!("handlers: {MODULE}"));
    });
}

#[test]
fn a_manager_that_is_stopped_is_no_crash() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let bells = EventManager::start().await.unwrap();
        bells.add_handler(&BELL, Bell(1)).await.unwrap();
        bells.stop(ExitReason::Normal, std::time::Duration::from_secs(1)).await.unwrap();
        settle(&cx).await;
        assert!(log.is_empty());
    });
}
