//! What goes wrong: callers that give up, and handlers that fail.

use crate::line::{Line, LineMsg, expect_nothing, reason};
use crate::node::{Record, each_seed, millis, settle};
use engset_otp::gen_statem::{start, start_link, start_named};
use engset_otp::{CallError, CallTarget};
use engset_process::{ExitReason, Mail, Service, Target};
use engset_term::Atom;

const LINE: Atom = Atom::from_static("line");

/// A call has its time, by name as by pid; an answer that comes later goes nowhere.
#[test]
fn abnormal1() {
    each_seed(|mut cx| async move {
        start_named(Some(LINE), Line::idle()).await.unwrap();
        let line = Service::local(LINE);
        let delay = |number| move |reply| LineMsg::Delay(millis(number), reply);
        assert_eq!(line.call(delay(1)).timeout(millis(100)).await, Ok(()));
        let error = line.call(delay(1_000)).timeout(millis(10)).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout { .. }), "{error}");
        cx.sleep(millis(2_000)).await;
        expect_nothing(&mut cx).await;
    });
}

/// A late answer is no message, when the caller goes on calling.
#[test]
fn abnormal1clean() {
    each_seed(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        let late = line.call(|reply| LineMsg::Delay(millis(30), reply)).timeout(millis(10)).await;
        assert!(matches!(late, Err(CallError::Timeout { .. })));
        assert_eq!(line.call(LineMsg::Alive).await, Ok(true), "the answer is that of this call");
        expect_nothing(&mut cx).await;
    });
}

/// Nor when the answer and the end of the time meet.
#[test]
fn abnormal1dirty() {
    each_seed(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        let race = line.call(|reply| LineMsg::Delay(millis(10), reply)).timeout(millis(10)).await;
        assert!(matches!(race, Ok(()) | Err(CallError::Timeout { .. })), "{race:?}");
        assert_eq!(line.call(LineMsg::Alive).await, Ok(true));
        settle(&cx).await;
        expect_nothing(&mut cx).await;
    });
}

/// A handler that fails ends the machine: its caller and its links are told the same reason. (A value that is no step,
/// which is what fails in OTP's case, does not compile here.)
#[test]
fn abnormal2() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let record = Record::default();
        let line = start_link(&mut cx, None, Line::recorded(&record)).await.unwrap();
        let Err(CallError::Down { reason, begun: true }) = line.call(LineMsg::Panic).await else {
            panic!("the handler panics")
        };
        assert!(reason.to_string().contains("told to"), "{reason}");
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((exit.from, exit.reason), (line.pid(), reason));
        assert_eq!(record.take(), [""; 0], "what panicked is not trusted to tidy up");
        expect_nothing(&mut cx).await;
    });
}

/// Callers whose requests the machine keeps, or has postponed, or has not received, hear of its end and its reason.
#[test]
fn every_caller_hears_of_the_end() {
    each_seed(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        for make in [LineMsg::Keep, |reply| LineMsg::Stop(reason("over"), reply), LineMsg::Keep] {
            let me = cx.pid();
            cx.spawn(move |cx: engset_process::Cx<engset_term::Term>| async move {
                let answer = line.call(make).await;
                let text = match answer {
                    Ok(()) => "answered".to_owned(),
                    Err(CallError::Down { reason, .. }) => reason.to_string(),
                    Err(error) => error.to_string(),
                };
                cx.send(me, engset_term::Term::string(&text)).unwrap();
            })
            .unwrap();
        }
        let mut told = Vec::new();
        while told.len() < 3 {
            let Mail::Message(term) = cx.recv().await else { panic!("nothing else is sent") };
            told.push(String::from_utf8_lossy(term.as_binary().unwrap()).into_owned());
        }
        told.sort();
        assert_eq!(told[0], "answered");
        for other in &told[1..] {
            assert!(other == "over" || other.starts_with("no such process"), "{other}");
        }
    });
}

/// A foreign term and the end of a stranger reach the handler; a machine that does not trap exits ends with its links.
#[test]
fn everything_else_reaches_the_handler() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let line = start(Line::recorded(&record)).await.unwrap();
        cx.send(line, engset_term::Term::parse("{hello, 1}").unwrap()).unwrap();
        cx.exit(line.pid(), reason("bye"));
        line.send(LineMsg::StopCast(ExitReason::Shutdown)).unwrap();
        cx.monitor(line);
        let Mail::Down(down) = cx.recv().await else { panic!("nothing else is sent") };
        assert!(matches!(down.reason, ExitReason::Shutdown | ExitReason::NoProc));
        assert_eq!(record.take(), ["term {hello,1}", "exit bye", "terminate shutdown in Idle"]);
    });
}
