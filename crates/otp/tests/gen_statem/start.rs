//! Starting: anonymous, named, linked, monitored; refused by `init`, in time or not.

use crate::line::{Begin, Line, LineMsg, State, expect_nothing, reason, works, works_by_calls};
use crate::node::{Record, atom, each_seed, millis, on_threads};
use engset_otp::gen_statem::{
    child, named_child, start, start_link, start_monitor, start_named, start_on, start_within, stop,
};
use engset_otp::{CallError, CallTarget, Restart, StartError, Supervisor};
use engset_process::{Addr, Cx, ExitReason, Mail, RegisterError, Service, SpawnError};
use engset_term::{Atom, Pid, Term};
use std::sync::Arc;
use std::time::Duration;

const LINE: Atom = Atom::from_static("line");
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends a line by a call, and sees that it is gone.
async fn stop_it(line: &impl CallTarget<LineMsg>) {
    assert_eq!(line.call(|reply| LineMsg::Stop(ExitReason::Normal, reply)).await, Ok(()));
    let gone = line.call(LineMsg::Alive).await.unwrap_err();
    assert!(matches!(gone, CallError::NoProcess | CallError::Down { .. }), "{gone}");
    assert!(!gone.maybe_executed() || matches!(gone, CallError::Down { .. }));
}

fn taken(by: Pid) -> StartError {
    StartError::Spawn(SpawnError::Register(RegisterError::Taken { name: LINE, by }))
}

/// A machine without a name, linked, serves casts, calls and time-outs.
#[test]
fn start1() {
    each_seed(|mut cx| async move {
        let line = start_link(&mut cx, None, Line::idle()).await.unwrap();
        works(&mut cx, &line).await;
        stop_it(&line).await;
        expect_nothing(&mut cx).await;
    });
}

/// The same with worker threads and real time.
#[test]
fn start1_with_threads() {
    on_threads(|mut cx| async move {
        let line = start_link(&mut cx, None, Line::idle()).await.unwrap();
        works(&mut cx, &line).await;
        stop_it(&line).await;
    });
}

/// A machine that a call stops with `shutdown` is gone after the answer.
#[test]
fn start2() {
    each_seed(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        works(&mut cx, &line).await;
        let monitor = cx.monitor(line);
        assert_eq!(line.call(|reply| LineMsg::Stop(ExitReason::Shutdown, reply)).await, Ok(()));
        let Mail::Down(down) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((down.reference, down.reason), (monitor, ExitReason::Shutdown));
        assert_eq!(line.call(LineMsg::Alive).await, Err(CallError::NoProcess));
    });
}

/// `init` has a limited time; a machine that takes longer is killed.
#[test]
fn start3() {
    each_seed(|mut cx| async move {
        let processes = Arc::clone(cx.processes());
        let line = start_within(&processes, millis(5), None, Line::idle()).await.unwrap();
        works(&mut cx, &line).await;
        stop_it(&line).await;

        let before = processes.count();
        let slow = |millis_needed| Line::new(Begin::Slowly(millis(millis_needed)));
        let in_time = start_within(&processes, millis(5), None, slow(4)).await.unwrap();
        assert_eq!(in_time.call(LineMsg::Alive).await, Ok(true));
        stop(&in_time, ExitReason::Normal, PATIENCE).await.unwrap();
        let late = start_within(&processes, millis(5), Some(LINE), slow(1_000)).await;
        assert_eq!(late, Err(StartError::Init(reason("timeout"))));
        assert_eq!((processes.count(), processes.whereis(&LINE)), (before, None));
        expect_nothing(&mut cx).await;
    });
}

/// An `init` that gives up without fault leaves nothing behind, and nothing is counted as a crash.
#[test]
fn start4() {
    each_seed(|mut cx| async move {
        let processes = Arc::clone(cx.processes());
        let (before, crashed) = (processes.count(), processes.counters().read().crashed);
        let refused = Line::new(Begin::Refuse(ExitReason::Normal));
        assert_eq!(start(refused).await, Err(StartError::Init(ExitReason::Normal)));
        crate::node::settle(&cx).await;
        assert_eq!((processes.count(), processes.counters().read().crashed), (before, crashed));
        expect_nothing(&mut cx).await;
    });
}

/// An `init` that stops gives its reason to the starter; one that panics too.
#[test]
fn start5() {
    each_seed(|mut cx| async move {
        let stopped = Line::new(Begin::Refuse(reason("stopped")));
        assert_eq!(start(stopped).await, Err(StartError::Init(reason("stopped"))));
        let Err(StartError::Init(panic)) = start(Line::new(Begin::Panic)).await else { panic!("it panics") };
        assert!(panic.to_string().contains("no line"), "{panic}");
        expect_nothing(&mut cx).await;
    });
}

/// A linked machine ends with its parent, after `terminate` where it traps exits.
#[test]
fn start6() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let record = Record::default();
        let line = Line::recorded(&record);
        let parent = cx.spawn_link(engset_process::SpawnOptions::default(), |mut cx: Cx<Term>| async move {
            let line = start_link(&mut cx, None, line).await.unwrap();
            works(&mut cx, &line).await;
            reason("parent_ends")
        });
        let parent: Addr<Term> = parent.unwrap();
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((exit.from, exit.reason), (parent.pid(), reason("parent_ends")));
        crate::node::settle(&cx).await;
        assert_eq!(record.take(), ["terminate parent_ends in Idle"]);
    });
}

/// A name that is taken refuses a second machine; calls by pid and by name reach the first.
#[test]
fn start8() {
    each_seed(|mut cx| async move {
        let line = start_named(Some(LINE), Line::idle()).await.unwrap();
        assert_eq!(start_named(Some(LINE), Line::idle()).await, Err(taken(line.pid())));
        works(&mut cx, &line).await;
        works(&mut cx, &Service::local(LINE)).await;
        let here = cx.node();
        works(&mut cx, &Service::at(LINE, here)).await;
        stop_it(&line).await;
    });
}

/// The same for a linked machine; the refused one sends no exit signal.
#[test]
fn start9() {
    each_seed(|mut cx| async move {
        let line = start_link(&mut cx, Some(LINE), Line::idle()).await.unwrap();
        assert_eq!(start_link(&mut cx, Some(LINE), Line::idle()).await, Err(taken(line.pid())));
        assert_eq!(start_named(Some(LINE), Line::idle()).await, Err(taken(line.pid())));
        works(&mut cx, &line).await;
        works(&mut cx, &Service::local(LINE)).await;
        stop_it(&line).await;
        expect_nothing(&mut cx).await;
    });
}

/// A name is free as soon as the machine that had it is gone, whether it was stopped by pid or by name.
#[test]
fn start11() {
    each_seed(|mut cx| async move {
        let processes = Arc::clone(cx.processes());
        let line = start_link(&mut cx, Some(LINE), Line::idle()).await.unwrap();
        stop(&line, ExitReason::Normal, PATIENCE).await.unwrap();
        let line = start_link(&mut cx, Some(LINE), Line::idle()).await.unwrap();
        assert_eq!(processes.whereis(&LINE), Some(line.pid()));
        stop(&Service::<LineMsg>::local(LINE), ExitReason::Normal, PATIENCE).await.unwrap();
        assert_eq!(processes.whereis(&LINE), None);
        let line = start_on(&processes, Some(LINE), Line::idle()).await.unwrap();
        stop_it(&line).await;
    });
}

/// A monitored start tells of the end once, and of a failed `init` not at all.
#[test]
fn a_monitored_start_watches_from_the_first_moment() {
    each_seed(|mut cx| async move {
        let (line, monitor) = start_monitor(&mut cx, None, Line::idle()).await.unwrap();
        works_by_calls(&mut cx, &line).await;
        line.call(|reply| LineMsg::Stop(reason("over"), reply)).await.unwrap();
        let Mail::Down(down) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((down.reference, down.reason), (monitor, reason("over")));

        let refused = Line::new(Begin::Refuse(reason("no")));
        assert_eq!(start_monitor(&mut cx, None, refused).await.unwrap_err(), StartError::Init(reason("no")));
        crate::node::settle(&cx).await;
        expect_nothing(&mut cx).await;
    });
}

/// Supervised machines are started again, under their names.
#[test]
fn a_supervisor_restarts_a_machine() {
    each_seed(|mut cx| async move {
        let shop = Supervisor::one_for_one()
            .child(named_child(LINE, Line::idle))
            .child(child("other", Line::idle).restart(Restart::Temporary))
            .start_link(&mut cx)
            .await
            .unwrap();
        let line = Service::local(LINE);
        line.call(LineMsg::Connect).await.unwrap();
        assert_eq!(line.call(LineMsg::Get).await, Ok(State::WaitForConfirmation));
        let crash = line.call(LineMsg::Panic).await.unwrap_err();
        assert!(matches!(crash, CallError::Down { begun: true, .. }), "{crash}");
        crate::node::settle(&cx).await;
        assert_eq!(line.call(LineMsg::Get).await, Ok(State::Idle), "a new one");
        let counts = shop.count_children().await.unwrap();
        assert_eq!((counts.active, counts.workers), (2, 2));
        assert_eq!(cx.processes().whereis(&atom("other")), None);
    });
}
