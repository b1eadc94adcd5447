//! The cost of starting, restarting and stopping children does not grow with their number.

use crate::stage::{begin, child, now, on_threads, secs, stop, up_to};
use engset_otp::{Child, Restart, Shutdown, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason, Mail};
use engset_term::{Pid, Term};
use std::time::Duration;

const FEW: usize = 1_000;
const MANY: usize = 20_000;

/// Ten times what it should be at most: the machine does other things as well.
const SLACK: u128 = 10;

/// Asserts that `many` took about as much longer than `few` as there was more to do.
fn is_linear(what: &str, few: Duration, many: Duration) {
    let times = u128::try_from(MANY / FEW).unwrap();
    let (few, many) = (few.as_micros().max(1_000), many.as_micros());
    assert!(many <= few * times * SLACK, "{what}: {FEW} took {few} µs, {MANY} took {many} µs");
}

async fn idle(mut cx: Cx<Term>) {
    cx.recv().await;
}

/// Starting and terminating temporary children of a dynamic supervisor, one by one, takes time by their number.
#[test]
fn simple_one_for_one_scale_many_temporary_children() {
    on_threads(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let mut taken = Vec::new();
        for number in [FEW, MANY] {
            let mut started = Vec::new();
            for _ in 0..number {
                let child = child("child").restart(Restart::Temporary);
                started.push(supervisor.start_child(child).await.unwrap());
            }
            let before = now(&cx);
            for pid in started {
                supervisor.terminate_child(pid).await.unwrap();
            }
            taken.push(now(&cx).saturating_duration_since(before));
        }
        is_linear("terminating", taken[0], taken[1]);
    });
}

/// Starting children by request, terminating them by id, and starting and stopping them with their supervisor takes
/// time by their number.
#[test]
fn scale_start_stop_many_children() {
    on_threads(|mut cx| async move {
        let mut taken = Vec::new();
        for number in [FEW, MANY] {
            let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
            let start = measured(&cx, start_all(supervisor, number)).await;
            let terminate = measured(&cx, terminate_all(supervisor, number)).await;
            stop(&mut cx, supervisor).await;
            let together = (0..number).fold(Supervisor::one_for_one(), |supervisor, n| {
                supervisor.child(Child::process(&n.to_string(), || idle))
            });
            let before = now(&cx);
            let supervisor = begin(&mut cx, together).await;
            let start_together = now(&cx).saturating_duration_since(before);
            let in_order = stop(&mut cx, supervisor).await;
            let supervisor = begin(&mut cx, Supervisor::dynamic()).await;
            start_all(supervisor, number).await;
            let at_once = stop(&mut cx, supervisor).await;
            taken.push([start, terminate, start_together, in_order, at_once]);
        }
        let names = ["starting", "terminating", "starting together", "stopping in order", "stopping at once"];
        for ((name, few), many) in names.into_iter().zip(taken[0]).zip(taken[1]) {
            is_linear(name, few, many);
        }
    });
}

async fn measured(cx: &Cx<Term>, work: impl Future<Output = ()>) -> Duration {
    let before = now(cx);
    work.await;
    now(cx).saturating_duration_since(before)
}

async fn start_all(supervisor: SupervisorRef, number: usize) {
    for n in 0..number {
        supervisor.start_child(Child::process(&n.to_string(), || idle)).await.unwrap();
    }
}

async fn terminate_all(supervisor: SupervisorRef, number: usize) {
    for n in 0..number {
        supervisor.terminate_child(n.to_string().as_str()).await.unwrap();
    }
}

/// A restart takes the same time however many came before it.
#[test]
fn a_restart_costs_the_same_after_many() {
    on_threads(|mut cx| async move {
        let parent = cx.pid();
        let child = Child::process("c", move || {
            move |mut cx: Cx<Term>| async move {
                cx.send(parent, Term::Pid(cx.pid())).unwrap();
                cx.recv().await;
            }
        });
        let supervisor = Supervisor::one_for_one().intensity(1_000_000, secs(3_600)).child(child);
        let supervisor = begin(&mut cx, supervisor).await;
        let mut pid = started(&mut cx).await;
        let mut taken = Vec::new();
        for _ in 0..MANY / FEW {
            let before = now(&cx);
            for _ in 0..FEW {
                cx.exit(pid, ExitReason::Kill);
                pid = started(&mut cx).await;
            }
            taken.push(now(&cx).saturating_duration_since(before).as_micros().max(1_000));
        }
        let (first, last) = (taken[0], taken[taken.len() - 1]);
        assert!(last <= first * SLACK, "at first {first} µs, then {last} µs");
        stop(&mut cx, supervisor).await;
    });
}

async fn started(cx: &mut Cx<Term>) -> Pid {
    loop {
        if let Mail::Message(Term::Pid(pid)) = cx.recv().await {
            return pid;
        }
    }
}

/// Requests that wait for the supervisor do not make it slower to stop each of many children.
#[test]
fn a_long_mailbox_does_not_slow_stopping_down() {
    on_threads(|mut cx| async move {
        let mut taken = Vec::new();
        for number in [FEW, MANY] {
            let together = (0..number).fold(Supervisor::one_for_one(), |supervisor, n| {
                supervisor.child(Child::process(&n.to_string(), || idle).shutdown(Shutdown::Infinity))
            });
            let supervisor = begin(&mut cx, together).await;
            cx.exit(supervisor.pid(), ExitReason::Shutdown);
            for _ in 0..number {
                let note = Term::atom("note");
                // One that has ended already refuses it.
                drop(cx.send(supervisor.pid(), note));
            }
            let before = now(&cx);
            crate::stage::exit_of(&mut cx, supervisor.pid()).await;
            taken.push(now(&cx).saturating_duration_since(before));
        }
        is_linear("stopping", taken[0], taken[1]);
    });
}
