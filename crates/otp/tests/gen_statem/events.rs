//! The order of events, and what is entered when.

use crate::node::{Record, each_seed, on_threads};
use crate::script::{Script, ScriptMsg, go, millis, play, play_with};
use engset_otp::gen_statem::{Event, Step, start, start_link};
use engset_otp::{CallError, CallTarget, Info};
use engset_process::{Cx, ExitReason, Mail, Target};
use engset_term::{Atom, Term};

fn reason() -> ExitReason {
    ExitReason::from(Atom::from_static("reason"))
}

/// Several inserted events come in the order in which they were inserted.
#[test]
fn next_events() {
    let inserted = || Step::next("s1").internal("a").internal("b").internal("c");
    assert_eq!(
        play(vec![go(inserted), ScriptMsg::Note("late")]),
        [
            "enter s0 s0",
            "go s0",
            "enter s0 s1",
            "internal a s1",
            "internal b s1",
            "internal c s1",
            "note late s1"
        ]
    );
}

/// After a change of state come first the inserted events, then the postponed ones from the oldest on, then newer ones;
/// an event time-out of zero is cancelled by them.
#[test]
fn event_order() {
    let buffer = || Step::next("buffer").internal("3").internal("4").event_timeout(millis(0), "never");
    assert_eq!(
        play(vec![ScriptMsg::Post("1"), ScriptMsg::Post("2"), go(buffer), ScriptMsg::Note("5")]),
        [
            "enter s0 s0",
            "post 1 s0",
            "post 2 s0",
            "go s0",
            "enter s0 buffer",
            "internal 3 buffer",
            "internal 4 buffer",
            "post 1 buffer",
            "post 2 buffer",
            "note 5 buffer"
        ]
    );
}

/// An event that is postponed with a change of state is retried at once; then it has its turn after older ones.
#[test]
fn an_event_that_is_postponed_with_a_change_of_state_comes_again_at_once() {
    assert_eq!(
        play(vec![ScriptMsg::Post("1"), ScriptMsg::PostponeInto("s1"), ScriptMsg::Post("2")]),
        [
            "enter s0 s0",
            "post 1 s0",
            "go s0",
            "enter s0 s1",
            "post 1 s1",
            "go s1",
            "enter s1 done",
            "go done",
            "post 2 done"
        ]
    );
}

/// Without a change of state nothing is retried.
#[test]
fn postponed_events_wait_for_another_state() {
    let steps = vec![ScriptMsg::Post("1"), go(Step::keep), go(|| Step::next("s0")), go(Step::repeat)];
    assert_eq!(play(steps), ["enter s0 s0", "post 1 s0", "go s0", "go s0", "go s0", "enter s0 s0"]);
}

/// A state is entered at the start, at each change and when it is repeated, before any other event; with the state
/// before, and with actions of its own.
#[test]
fn state_enter() {
    let prepare = |script: Script| {
        script
            .entering("s0", || Step::keep().state_timeout(millis(20), "from the first enter"))
            .entering("s1", || Step::repeat().timeout("again", millis(0), "1"))
            .entering("s1", || Step::keep().timeout("again", millis(0), "2"))
    };
    let steps = vec![go(Step::repeat), go(|| Step::next("s1").internal("i")), go(|| Step::next("s1"))];
    assert_eq!(
        play_with(prepare, steps),
        [
            "enter s0 s0",
            "go s0",
            "enter s0 s0",
            "go s0",
            "enter s0 s1",
            "enter s0 s1",
            "internal i s1",
            "again 2 s1",
            "go s1"
        ]
    );
    let timed = |script: Script| script.entering("s0", || Step::keep().state_timeout(millis(20), "t"));
    assert_eq!(play_with(timed, Vec::new()), ["enter s0 s0", "state_timeout t s0"]);
}

/// A state-enter call may end the machine, with a reply; so may the first.
#[test]
fn a_state_enter_call_may_end_the_machine() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let record = Record::default();
        let script = Script::new(&record).entering("s1", || Step::stop(reason()).into());
        let script = start_link(&mut cx, None, script).await.unwrap();
        script.send(go(|| Step::next("s1").internal("never"))).unwrap();
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!(exit.reason, reason());
        assert_eq!(record.take(), ["enter s0 s0", "go s0", "enter s0 s1", "terminate reason s1"]);

        let script = Script::new(&record).entering("s0", || Step::stop(reason()).into());
        start_link(&mut cx, None, script).await.expect("it has begun when it enters its first state");
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!(exit.reason, reason());
        assert_eq!(record.take(), ["enter s0 s0", "terminate reason s0"]);
    });
}

/// Events of every kind can be inserted, and come as what they are.
#[test]
fn event_types() {
    each_seed(|cx| async move {
        let record = Record::default();
        let script = start(Script::new(&record)).await.unwrap();
        let foreign = Term::atom("hello");
        let all = move || {
            Step::next("s1")
                .internal("i")
                .next_event(Event::Message(ScriptMsg::Note("n")))
                .next_event(Event::Info(Info::Message(foreign)))
                .next_event(Event::EventTimeout("e"))
                .next_event(Event::StateTimeout("s"))
        };
        script.send(go(all)).unwrap();
        // A call can be inserted by whoever has its reply.
        let asked = script.call(|reply| {
            go(move || {
                Step::keep()
                    .next_event(Event::Timeout("t", "c"))
                    .next_event(Event::Message(ScriptMsg::Ask(reply)))
            })
        });
        assert_eq!(asked.await, Ok("s1"));
        cx.send(script, Term::atom("from outside")).unwrap();
        crate::node::settle(&cx).await;
        assert_eq!(
            record.take(),
            [
                "enter s0 s0",
                "go s0",
                "enter s0 s1",
                "internal i s1",
                "note n s1",
                "info Message(hello) s1",
                "timeout e s1",
                "state_timeout s s1",
                "go s1",
                "t c s1",
                "ask s1",
                "info Message('from outside') s1"
            ]
        );
    });
}

/// The first step may insert events and set time-outs; the first state is entered before them.
#[test]
fn the_first_step_has_actions() {
    let prepare = |script: Script| {
        script.beginning(|| Step::next("s1").timeout("t", millis(0), "zero").internal("a").internal("b"))
    };
    assert_eq!(
        play_with(prepare, vec![ScriptMsg::Note("n")]),
        ["enter s1 s1", "internal a s1", "internal b s1", "t zero s1", "note n s1"]
    );
}

/// Replies come before the end, in order; afterwards nothing does.
#[test]
fn stop_and_reply() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let record = Record::default();
        let script = start_link(&mut cx, None, Script::new(&record)).await.unwrap();
        let me = cx.pid();
        let (first, second) = (asker(&cx, me, "reply1"), asker(&cx, me, "reply2"));
        let (one, two) = (first.reply, second.reply);
        script.send(go(|| Step::stop(reason()).reply(one, ()).reply(two, ()).into())).unwrap();
        let mut told = Vec::new();
        while told.len() < 3 {
            told.push(match cx.recv().await {
                Mail::Exit(exit) => exit.reason.to_string(),
                // The askers' requests, of no interest.
                Mail::Message(Term::Nil) => continue,
                Mail::Message(term) => term.to_string(),
                mail => panic!("{mail:?}"),
            });
        }
        told.sort();
        assert_eq!(told, ["reason", "reply1", "reply2"]);
        assert_eq!(record.take(), ["enter s0 s0", "go s0", "terminate reason s0"]);
        assert_eq!(script.call(ScriptMsg::Ask).await, Err(CallError::NoProcess));
    });
}

struct Asker {
    reply: engset_otp::Reply<()>,
}

/// A process that waits for an answer and then says so; with the way to answer it.
fn asker(cx: &Cx<Term>, tell: engset_term::Pid, what: &'static str) -> Asker {
    let kept = std::sync::Arc::new(parking_lot::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    let me = cx.addr();
    let call = me.call(|reply| {
        *keep.lock() = Some(reply);
        Term::Nil
    });
    cx.spawn(move |cx: Cx<Term>| async move {
        call.await.unwrap();
        cx.send(tell, Term::atom(what)).unwrap();
    })
    .unwrap();
    let reply = kept.lock().take().unwrap();
    Asker { reply }
}

/// A machine that inserts events for ever lets others run, and can be killed.
#[test]
fn a_machine_that_is_never_idle_can_be_killed() {
    struct Restless;
    impl engset_otp::gen_statem::StateMachine for Restless {
        type State = ();
        type Msg = Term;
        type Own = ();
        type Timer = std::convert::Infallible;
        async fn init(
            &mut self,
            _cx: &mut Cx<Term>,
        ) -> Result<Step<Self, engset_otp::gen_statem::Beginning>, engset_process::Exit> {
            Ok(Step::next(()).internal(()))
        }
        async fn handle(
            &mut self,
            (): &(),
            _event: Event<Self>,
            _cx: &mut Cx<Term>,
        ) -> Result<Step<Self>, engset_process::Exit> {
            Ok(Step::keep().internal(()))
        }
    }
    let ends = |mut cx: Cx<Term>| async move {
        let restless = start(Restless).await.unwrap();
        cx.monitor(restless);
        cx.exit(restless.pid(), ExitReason::Kill);
        assert_eq!(crate::node::down(&mut cx).await.reason, ExitReason::Killed);
    };
    each_seed(ends);
    on_threads(ends);
}
