//! Running supervisors that are updated, as OTP's `code_change` does.

use crate::stage::{
    Switch, begin, child, died, each_seed, end, exit_of, ids, list, no, only, pids, secs, stop,
};
use engset_otp::{ChildError, ChildState, Restart, Shutdown, SpecError, Supervisor};
use engset_process::ExitReason;
use std::time::Duration;

/// Flags change; children that are new are not started, those that run go on, those left out stay behind the others.
#[test]
fn code_change() {
    each_seed(|mut cx| async move {
        let flags = || Supervisor::one_for_one().intensity(0, secs(1));
        let supervisor = begin(&mut cx, flags()).await;
        supervisor.update(flags().child(child("child1")).child(child("child2"))).await.unwrap();
        let stopped = |id: &str| (id.to_owned(), ChildState::Stopped);
        assert_eq!(list(supervisor).await, [stopped("child2"), stopped("child1")]);
        let child1 = supervisor.restart_child("child1").await.unwrap();
        let child2 = supervisor.restart_child("child2").await.unwrap();
        let changed = child("child1").shutdown(Shutdown::Timeout(secs(1)));
        supervisor.update(flags().child(changed).child(child("child3"))).await.unwrap();
        let running = |id: &str, pid| (id.to_owned(), ChildState::Running(pid));
        let expected = [running("child2", child2), stopped("child3"), running("child1", child1)];
        assert_eq!(list(supervisor).await, expected);
        let spec = supervisor.get_childspec("child1").await.unwrap();
        assert_eq!(spec.shutdown, Shutdown::Timeout(secs(1)));
        stop(&mut cx, supervisor).await;
    });
}

/// What is refused changes nothing.
#[test]
fn code_change_map() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one().child(child("a"))).await;
        let before = list(supervisor).await;
        let twice = Supervisor::one_for_all().child(child("b")).child(child("b"));
        let error = SpecError::DuplicateId("b".into());
        assert_eq!(supervisor.update(twice).await, no(ChildError::Refused(error)));
        let no_period = Supervisor::one_for_all().intensity(9, Duration::ZERO);
        assert_eq!(supervisor.update(no_period).await, no(ChildError::Refused(SpecError::NoPeriod)));
        assert_eq!(list(supervisor).await, before);
        let b = supervisor.start_child(child("b")).await.unwrap();
        let a = pids(supervisor).await[1];
        end(&mut cx, a, died()).await;
        assert_eq!(pids(supervisor).await[0], b, "it is still one for one");
    });
}

/// A dynamic supervisor is updated without children, stays dynamic, and keeps those that run.
#[test]
fn code_change_simple() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::dynamic().intensity(0, secs(1))).await;
        let pid = supervisor.start_child(child("child")).await.unwrap();
        let refused = || no(ChildError::Refused(SpecError::Dynamic));
        assert_eq!(supervisor.update(Supervisor::one_for_one()).await, refused());
        assert_eq!(supervisor.update(Supervisor::dynamic().child(child("child"))).await, refused());
        supervisor.update(Supervisor::dynamic().intensity(1, secs(1))).await.unwrap();
        end(&mut cx, pid, died()).await;
        assert_ne!(only(supervisor).await, pid, "one restart is allowed now");
        let plain = begin(&mut cx, Supervisor::one_for_one()).await;
        assert_eq!(plain.update(Supervisor::dynamic()).await, refused());
    });
}

/// Restarts that were counted before an update still count.
#[test]
fn an_update_does_not_forget_restarts() {
    each_seed(|mut cx| async move {
        let allowing = |restarts| Supervisor::one_for_one().intensity(restarts, secs(60)).child(child("a"));
        let supervisor = begin(&mut cx, allowing(2)).await;
        for _ in 0..2 {
            let pid = only(supervisor).await;
            end(&mut cx, pid, died()).await;
        }
        supervisor.update(allowing(3)).await.unwrap();
        let pid = only(supervisor).await;
        end(&mut cx, pid, died()).await;
        let pid = only(supervisor).await;
        end(&mut cx, pid, died()).await;
        assert_eq!(exit_of(&mut cx, supervisor.pid()).await, ExitReason::Shutdown);
    });
}

/// A strategy that was updated decides the next restart, over the new order.
#[test]
fn an_updated_strategy_counts_in_the_updated_order() {
    each_seed(|mut cx| async move {
        let supervisor = Supervisor::one_for_one().child(child("a")).child(child("b")).child(child("c"));
        let supervisor = begin(&mut cx, supervisor).await;
        let [c, b, a] = pids(supervisor).await.try_into().unwrap();
        let turned = Supervisor::rest_for_one().child(child("c")).child(child("b")).child(child("a"));
        supervisor.update(turned).await.unwrap();
        assert_eq!(ids(supervisor).await, ["a", "b", "c"]);
        end(&mut cx, b, died()).await;
        let after = pids(supervisor).await;
        assert_eq!(after[2], c);
        assert!(after[1] != b && after[0] != a);
    });
}

/// A child that is being restarted when its supervisor is updated is restarted all the same.
#[test]
fn a_restart_under_way_survives_an_update() {
    each_seed(|mut cx| async move {
        let switch = Switch::default();
        switch.failing_takes(secs(1));
        let with = |restart| {
            Supervisor::one_for_one().intensity(9, secs(60)).child(switch.child("a").restart(restart))
        };
        let supervisor = begin(&mut cx, with(Restart::Permanent)).await;
        switch.set(true);
        let pid = only(supervisor).await;
        end(&mut cx, pid, died()).await;
        supervisor.update(with(Restart::Transient)).await.unwrap();
        assert_eq!(list(supervisor).await[0].1, ChildState::Restarting);
        switch.set(false);
        cx.sleep(secs(3)).await;
        assert_ne!(only(supervisor).await, pid);
    });
}
