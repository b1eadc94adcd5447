//! Restarts that wait, longer each time.

use crate::stage::{
    add, begin, child, counts, died, each_seed, end, exit_of, list, millis, no, now, only, pids, secs, stop,
};
use engset_otp::{BackOff, Child, ChildError, ChildState, Strategy, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason};
use engset_term::{Pid, Term};
use std::time::Duration;

fn back_off() -> BackOff {
    BackOff::exponential(millis(100), millis(400))
}

fn patient(strategy: Strategy) -> Supervisor {
    Supervisor::with_strategy(strategy).intensity(100, secs(3_600)).back_off(back_off())
}

/// Lets the only child crash; its successor and how long that took.
async fn crash(cx: &mut Cx<Term>, supervisor: SupervisorRef) -> (Pid, Duration) {
    let pid = only(supervisor).await;
    end(cx, pid, died()).await;
    let before = now(cx);
    while list(supervisor).await[0].1 == ChildState::Restarting {
        cx.sleep(millis(1)).await;
    }
    (only(supervisor).await, now(cx).saturating_duration_since(before))
}

#[test]
fn each_restart_in_a_row_waits_twice_as_long_up_to_the_longest() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, patient(Strategy::OneForOne).child(child("a"))).await;
        for expected in [100, 200, 400, 400] {
            let (_, taken) = crash(&mut cx, supervisor).await;
            assert!((millis(expected)..=millis(expected + 1)).contains(&taken), "{taken:?}");
        }
        cx.sleep(millis(399)).await;
        assert!(crash(&mut cx, supervisor).await.1 >= millis(400), "it has not run long enough");
        cx.sleep(millis(400)).await;
        let (_, taken) = crash(&mut cx, supervisor).await;
        assert!(taken <= millis(101), "it ran long enough to begin anew: {taken:?}");
    });
}

#[test]
fn a_child_that_waits_is_restarting_and_can_be_terminated_and_deleted() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, patient(Strategy::OneForOne).child(child("a"))).await;
        let pid = only(supervisor).await;
        end(&mut cx, pid, died()).await;
        assert_eq!(list(supervisor).await, [("a".to_owned(), ChildState::Restarting)]);
        assert_eq!(counts(supervisor).await, [1, 0, 0, 1]);
        assert_eq!(supervisor.restart_child("a").await, no(ChildError::Restarting));
        assert_eq!(supervisor.delete_child("a").await, no(ChildError::Restarting));
        supervisor.terminate_child("a").await.unwrap();
        let pid = supervisor.restart_child("a").await.unwrap();
        cx.sleep(secs(1)).await;
        assert_eq!(only(supervisor).await, pid, "the restart that was due is forgotten");
        end(&mut cx, pid, died()).await;
        supervisor.terminate_child("a").await.unwrap();
        supervisor.delete_child("a").await.unwrap();
        cx.sleep(secs(1)).await;
        assert_eq!(list(supervisor).await, []);
    });
}

#[test]
fn a_restart_that_was_overtaken_does_not_cut_the_next_one_short() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, patient(Strategy::OneForOne).child(child("a"))).await;
        let pid = only(supervisor).await;
        end(&mut cx, pid, died()).await;
        supervisor.terminate_child("a").await.unwrap();
        let pid = supervisor.restart_child("a").await.unwrap();
        cx.sleep(millis(10)).await;
        end(&mut cx, pid, died()).await;
        cx.sleep(millis(199)).await;
        assert_eq!(list(supervisor).await[0].1, ChildState::Restarting, "the first was due after 100 ms");
        cx.sleep(millis(2)).await;
        only(supervisor).await;
    });
}

#[test]
fn a_dynamic_child_that_waits_is_terminated_by_the_pid_it_had() {
    each_seed(|mut cx| async move {
        let dynamic = Supervisor::dynamic().intensity(100, secs(3_600)).back_off(back_off());
        let supervisor = begin(&mut cx, dynamic).await;
        let pid = supervisor.start_child(child("a")).await.unwrap();
        end(&mut cx, pid, died()).await;
        supervisor.terminate_child(pid).await.unwrap();
        cx.sleep(secs(1)).await;
        assert_eq!(counts(supervisor).await, [0; 4]);
    });
}

#[test]
fn siblings_are_stopped_at_once_and_started_after_the_delay() {
    each_seed(|mut cx| async move {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = begin(&mut cx, patient(strategy)).await;
            let first = add(&mut cx, supervisor, child("first")).await;
            let crashing = add(&mut cx, supervisor, child("crashing")).await;
            let last = add(&mut cx, supervisor, child("last")).await;
            end(&mut cx, crashing, died()).await;
            assert_eq!(exit_of(&mut cx, last).await, ExitReason::Shutdown);
            let states: Vec<ChildState> =
                list(supervisor).await.into_iter().map(|(_, state)| state).collect();
            let first = match strategy {
                Strategy::OneForAll => ChildState::Stopped,
                Strategy::OneForOne | Strategy::RestForOne => ChildState::Running(first),
            };
            assert_eq!(states, [ChildState::Stopped, ChildState::Restarting, first]);
            cx.sleep(millis(101)).await;
            assert_eq!(pids(supervisor).await.len(), 3);
            stop(&mut cx, supervisor).await;
        }
    });
}

#[test]
fn a_restart_counts_for_the_intensity_when_it_is_made() {
    each_seed(|mut cx| async move {
        // Without the back-off the second crash would end the supervisor.
        let rare = Supervisor::one_for_one().intensity(1, millis(300));
        let rare = rare.back_off(BackOff::exponential(millis(400), secs(1))).child(child("a"));
        let supervisor = begin(&mut cx, rare).await;
        for _ in 0..5 {
            crash(&mut cx, supervisor).await;
        }
        stop(&mut cx, supervisor).await;
        let often = Supervisor::one_for_one().intensity(1, secs(10)).back_off(back_off()).child(child("a"));
        let supervisor = begin(&mut cx, often).await;
        let (pid, _) = crash(&mut cx, supervisor).await;
        end(&mut cx, pid, died()).await;
        let before = now(&cx);
        assert_eq!(exit_of(&mut cx, supervisor.pid()).await, ExitReason::Shutdown);
        assert_eq!(now(&cx).saturating_duration_since(before), millis(200));
    });
}

#[test]
fn a_start_that_fails_waits_longer_for_the_next() {
    each_seed(|mut cx| async move {
        let switch = crate::stage::Switch::default();
        let supervisor = begin(&mut cx, patient(Strategy::OneForOne).child(switch.child("a"))).await;
        cx.sleep(secs(9)).await;
        let pid = only(supervisor).await;
        switch.set(true);
        end(&mut cx, pid, died()).await;
        // It fails after 100 and after 300 ms, and is due again after 700 ms.
        cx.sleep(millis(600)).await;
        switch.set(false);
        assert_eq!(list(supervisor).await[0].1, ChildState::Restarting);
        cx.sleep(millis(101)).await;
        only(supervisor).await;
    });
}

#[test]
fn a_supervisor_that_waits_to_restart_ends_at_once() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, patient(Strategy::OneForOne).child(child("a"))).await;
        let pid = only(supervisor).await;
        end(&mut cx, pid, died()).await;
        assert!(stop(&mut cx, supervisor).await.is_zero());
    });
}

#[test]
fn children_that_crash_together_come_back_apart_with_jitter() {
    each_seed(|mut cx| async move {
        let spread = |seed| {
            let back_off = BackOff::exponential(secs(1), secs(60)).jitter(seed);
            let supervisor = Supervisor::dynamic().intensity(100, secs(3_600)).back_off(back_off);
            (supervisor, seed)
        };
        let mut spans = Vec::new();
        for (supervisor, _) in [spread(1), spread(1), spread(2)] {
            let supervisor = begin(&mut cx, supervisor).await;
            for _ in 0..4 {
                supervisor.start_child(Child::process("c", || crate::stage::obedient)).await.unwrap();
            }
            for pid in pids(supervisor).await {
                end(&mut cx, pid, died()).await;
            }
            let before = now(&cx);
            let mut back = Vec::new();
            while back.len() < 4 {
                cx.sleep(millis(1)).await;
                let active = counts(supervisor).await[1];
                let taken = now(&cx).saturating_duration_since(before);
                back.resize(active, taken);
            }
            assert!(back[0] >= millis(500) && back[3] <= millis(1_001), "{back:?}");
            assert!(back[3] - back[0] > millis(20), "{back:?}");
            spans.push(back);
        }
        assert_eq!(spans[0], spans[1], "the same seed gives the same delays");
        assert_ne!(spans[0], spans[2]);
    });
}
