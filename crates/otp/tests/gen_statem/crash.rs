//! What is told of a state machine that crashed.

use crate::log::Log;
use crate::node::{atom, millis, settle, with_seed};
use engset_otp::gen_statem::{Beginning, Event, StateMachine, Step, start, start_link, start_named};
use engset_otp::{CallTarget, Reply};
use engset_process::{Cx, Exit, ExitReason, Protocol, Target};
use engset_term::Term;
use std::convert::Infallible;

const MODULE: &str = "gen_statem::crash::Safe<true>";

/// A safe; one that is `OPEN` tells everything that it holds.
#[derive(Default)]
struct Safe<const OPEN: bool> {
    begin: Option<ExitReason>,
}

#[derive(Debug, PartialEq)]
enum State {
    Shut,
    Ajar,
}

#[derive(Debug)]
enum Ask {
    Code(u32, Reply<()>),
    /// Goes on with an internal event.
    Inside,
    /// Goes on with a time-out.
    Later,
    Close(ExitReason),
    /// Goes to the state that cannot be entered.
    Enter,
}

impl Protocol for Ask {}

impl<const OPEN: bool> StateMachine for Safe<OPEN> {
    type State = State;
    type Msg = Ask;
    type Own = u32;
    type Timer = Infallible;

    async fn init(&mut self, _cx: &mut Cx<Ask>) -> Result<Step<Self, Beginning>, Exit> {
        match &self.begin {
            Some(ExitReason::Kill) => panic!("init fails"),
            Some(reason) => Err(Exit(reason.clone())),
            None => Ok(Step::next(State::Shut)),
        }
    }

    async fn handle(
        &mut self,
        _state: &State,
        event: Event<Self>,
        _cx: &mut Cx<Ask>,
    ) -> Result<Step<Self>, Exit> {
        Ok(match event {
            Event::Message(Ask::Code(code, reply)) => {
                let reply = reply.begin();
                assert!(code == 42, "wrong code");
                drop(reply);
                Step::keep()
            }
            Event::Message(Ask::Inside) => Step::keep().internal(1),
            Event::Message(Ask::Later) => Step::keep().state_timeout(millis(5), 2),
            Event::Message(Ask::Close(reason)) => return Err(Exit(reason)),
            Event::Message(Ask::Enter) => Step::next(State::Ajar),
            Event::Internal(number) | Event::StateTimeout(number) | Event::EventTimeout(number) => {
                panic!("{number} is wrong")
            }
            Event::Info(_) => return Err(Exit(ExitReason::from(atom("unknown")))),
            Event::Timeout(never, _) => match never {},
        })
    }

    async fn enter(
        &mut self,
        _before: &State,
        state: &State,
        _cx: &mut Cx<Ask>,
    ) -> Result<Step<Self, engset_otp::gen_statem::Entering>, Exit> {
        assert!(*state == State::Shut, "it does not open");
        Ok(Step::keep())
    }

    fn message_name(message: &Ask) -> &'static str {
        match message {
            Ask::Code(..) => "code",
            Ask::Inside => "inside",
            Ask::Later => "later",
            Ask::Close(_) => "close",
            Ask::Enter => "enter",
        }
    }

    fn format_event(event: &Event<Self>) -> Option<String> {
        match event {
            Event::Message(message) => OPEN.then(|| format!("{message:?}")),
            event => OPEN.then(|| format!("{event:?}")),
        }
    }

    fn format_state(&self, state: &State) -> Option<String> {
        OPEN.then(|| format!("{state:?}"))
    }
}

fn open() -> Safe<true> {
    Safe::default()
}

#[test]
fn behaviour_type_event_message_and_state_are_told() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let safe = start_named(Some(atom("safe")), open()).await.unwrap();
        safe.call(|reply| Ask::Code(41, reply)).timeout(millis(70)).await.unwrap_err();
        settle(&cx).await;
        let report = log.only();
        let summary = &report["message"];
        let begin = format!(
            "state machine `{MODULE}` safe {} crashed while it served `code`: panicked at ",
            safe.pid()
        );
        assert!(summary.starts_with(&begin) && summary.ends_with("wrong code"), "{summary}");
        assert_eq!(report["module"], MODULE);
        assert_eq!(report["last_message"], "code");
        assert_eq!(report["request"], "Code(41, Reply(to a process of this node))");
        assert_eq!(report["state"], "Shut");
        assert_eq!(report["caller"], cx.pid().to_string());
        assert_eq!(report["deadline_left"], "70ms");
    });
}

#[test]
fn what_is_no_message_is_told_by_its_kind() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        for (ask, kind, text) in [
            (Ask::Inside, "an internal event", "Internal(..)"),
            (Ask::Later, "the state time-out", "StateTimeout(..)"),
            (Ask::Enter, "enter", "Enter"),
        ] {
            start(open()).await.unwrap().send(ask).unwrap();
            cx.sleep(millis(10)).await;
            let report = log.only();
            assert_eq!(report["last_message"], kind);
            assert_eq!(report["request"], text);
        }
        let safe = start(open()).await.unwrap();
        cx.send(safe.pid(), Term::atom("psst")).unwrap();
        settle(&cx).await;
        assert_eq!(log.only()["last_message"], "a message that is no request");
    });
}

#[test]
fn an_end_for_a_reason_that_is_not_orderly_is_a_crash() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        for reason in [ExitReason::Normal, ExitReason::Shutdown] {
            start(open()).await.unwrap().send(Ask::Close(reason)).unwrap();
        }
        settle(&cx).await;
        assert!(log.is_empty());
        let safe = start(open()).await.unwrap();
        safe.send(Ask::Close(ExitReason::from(atom("bored")))).unwrap();
        settle(&cx).await;
        let report = log.only();
        let expected =
            format!("state machine `{MODULE}` {} crashed while it served `close`: bored", safe.pid());
        assert_eq!(report["message"], expected);
    });
}

#[test]
fn one_that_is_killed_or_ends_with_its_parent_tells_what_it_is() {
    with_seed(1, |mut cx| async move {
        let log = Log::listen();
        let safe = start(open()).await.unwrap();
        cx.exit(safe.pid(), ExitReason::Kill);
        settle(&cx).await;
        let report = log.only();
        assert_eq!(report["message"], format!("state machine `{MODULE}` {} crashed: killed", safe.pid()));
        assert_eq!(report.get("last_message"), None);
        cx.trap_exit(true);
        let safe = start_link(&mut cx, None, open()).await.unwrap();
        cx.exit(safe.pid(), ExitReason::from(atom("gone")));
        settle(&cx).await;
        assert_eq!(log.only()["module"], MODULE);
    });
}

#[test]
fn a_crash_in_init_is_told_with_the_type() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        for (begin, why) in [(ExitReason::Kill, "init fails"), (ExitReason::from(atom("no_key")), "no_key")] {
            start(Safe::<true> { begin: Some(begin) }).await.unwrap_err();
            settle(&cx).await;
            let report = log.only();
            assert!(report["message"].starts_with(&format!("state machine `{MODULE}` ")), "{report:?}");
            assert!(report["message"].ends_with(why), "{report:?}");
        }
    });
}

#[test]
fn secrets_are_never_told() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let safe = start(Safe::<false>::default()).await.unwrap();
        safe.call(|reply| Ask::Code(41, reply)).await.unwrap_err();
        settle(&cx).await;
        let report = log.only();
        assert_eq!((report.get("request"), report.get("state")), (None, None));
    });
}
