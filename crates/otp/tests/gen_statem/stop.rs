//! Stopping: by pid, by name, from within; and what callers see of it.

use crate::line::{Line, LineMsg, expect, expect_nothing, reason};
use crate::node::{Record, down, each_seed, millis, on_threads};
use engset_otp::gen_statem::{start, start_link, start_named, stop};
use engset_otp::{CallError, CallTarget, StopError};
use engset_process::{Addr, Cx, ExitReason, Mail, Service, Target};
use engset_term::{Atom, Term};
use std::time::Duration;

const LINE: Atom = Atom::from_static("line");
const PATIENCE: Duration = Duration::from_secs(5);

async fn stop_normal(line: &impl Target<LineMsg>) -> Result<(), StopError> {
    stop(line, ExitReason::Normal, PATIENCE).await
}

/// A machine is stopped by its pid, once.
#[test]
fn stop1() {
    each_seed(|cx| async move {
        let line = start(Line::idle()).await.unwrap();
        assert_eq!(stop_normal(&line).await, Ok(()));
        assert!(!cx.processes().is_alive(line.pid()));
        assert_eq!(stop_normal(&line).await, Err(StopError::NoProcess));
    });
}

/// The reason is the one that was asked for, for `terminate`, and for who monitors.
#[test]
fn stop2() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let line = start(Line::recorded(&record)).await.unwrap();
        cx.monitor(line);
        assert_eq!(stop(&line, reason("other_reason"), PATIENCE).await, Ok(()));
        assert!(!cx.processes().is_alive(line.pid()));
        assert_eq!(down(&mut cx).await.reason, reason("other_reason"));
        assert_eq!(record.take(), ["terminate other_reason in Idle"]);
        expect_nothing(&mut cx).await;
    });
}

/// A machine that is not stopped in time is told so to whoever waits, and no answer comes late.
#[test]
fn stop3() {
    each_seed(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        let busy = cx.spawn(move |_: Cx<Term>| async move {
            assert_eq!(line.call(|reply| LineMsg::Delay(millis(50), reply)).await, Ok(()));
        });
        cx.monitor(busy.unwrap());
        cx.sleep(millis(1)).await;
        assert_eq!(stop(&line, ExitReason::Normal, millis(10)).await, Err(StopError::Timeout));
        assert!(cx.processes().is_alive(line.pid()), "it is busy");
        assert_eq!(down(&mut cx).await.reason, ExitReason::Normal, "what came before is served");
        cx.monitor(line);
        let ended = down(&mut cx).await.reason;
        assert!(matches!(ended, ExitReason::Normal | ExitReason::NoProc), "{ended}");
        expect_nothing(&mut cx).await;
        assert_eq!(cx.processes().aliases().len(), 0, "nothing is awaited any more");
    });
}

/// A machine is stopped by its name.
#[test]
fn stop4() {
    each_seed(|cx| async move {
        let line = start_named(Some(LINE), Line::idle()).await.unwrap();
        let name = Service::local(LINE);
        assert_eq!(stop_normal(&name).await, Ok(()));
        assert!(!cx.processes().is_alive(line.pid()));
        assert_eq!(stop_normal(&name).await, Err(StopError::NoProcess));
    });
}

/// A machine is stopped by its name and the name of this node.
#[test]
fn stop5() {
    each_seed(|cx| async move {
        let line = start_named(Some(LINE), Line::idle()).await.unwrap();
        let name = Service::at(LINE, cx.node());
        assert_eq!(stop_normal(&name).await, Ok(()));
        assert!(!cx.processes().is_alive(line.pid()));
        assert_eq!(stop_normal(&name).await, Err(StopError::NoProcess));
    });
}

/// A machine that a call stops with `{shutdown, _}` tells its links so; nothing else comes.
#[test]
fn shutdown() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let line = start_link(&mut cx, None, Line::idle()).await.unwrap();
        let why = ExitReason::from_term(Term::parse("{shutdown, reason}").unwrap());
        assert_eq!(line.call(|reply| LineMsg::Stop(why.clone(), reply)).await, Ok(()));
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((exit.from, exit.reason), (line.pid(), why));
        assert_eq!(line.call(LineMsg::Alive).await, Err(CallError::NoProcess));
        expect_nothing(&mut cx).await;
    });
}

/// What `stop` asks comes after what was sent before it.
#[test]
fn a_machine_serves_what_came_before_it_stops() {
    on_threads(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        for _ in 0..100 {
            line.send(LineMsg::AliveCast(cx.pid())).unwrap();
        }
        assert_eq!(stop_normal(&line).await, Ok(()));
        for _ in 0..100 {
            expect(&mut cx, "yes").await;
        }
        expect_nothing(&mut cx).await;
    });
}

/// A machine that ends by itself first did not do what it was told, and one that was killed before is not there.
#[test]
fn a_machine_that_ends_otherwise_is_told_from_one_that_obeys() {
    each_seed(|cx| async move {
        let line = start(Line::idle()).await.unwrap();
        line.send(LineMsg::StopCast(reason("first"))).unwrap();
        assert_eq!(stop_normal(&line).await, Err(StopError::Ended(reason("first"))));
        let line = start(Line::idle()).await.unwrap();
        cx.exit(line.pid(), ExitReason::Kill);
        assert_eq!(stop_normal(&line).await, Err(StopError::NoProcess));
    });
}

/// A process that would wait for its own end is told so, by pid and by name.
#[test]
fn a_process_does_not_wait_for_its_own_end() {
    each_seed(|cx| async move {
        let me: Addr<Term> = cx.addr();
        assert_eq!(stop(&me, ExitReason::Normal, PATIENCE).await, Err(StopError::StoppingSelf));
        cx.register(&LINE).unwrap();
        assert_eq!(stop_normal(&Service::local(LINE)).await, Err(StopError::StoppingSelf));
    });
}

/// Whoever gives up waiting leaves no trace.
#[test]
fn a_dropped_stop_leaves_nothing_and_the_machine_ends() {
    each_seed(|mut cx| async move {
        let line = start(Line::idle()).await.unwrap();
        cx.monitor(line);
        let asker = cx.spawn(move |_: Cx<Term>| async move { stop_normal(&line).await.unwrap() }).unwrap();
        crate::node::yield_now().await;
        cx.exit(asker.pid(), ExitReason::Kill);
        crate::node::settle(&cx).await;
        assert_eq!(cx.processes().aliases().len(), 0);
        stop_normal(&line).await.unwrap_or(());
        assert_eq!(down(&mut cx).await.reason, ExitReason::Normal);
    });
}
