//! Children whose restart fails over and over: requests get their turn, and the supervisor can end.

use crate::stage::{Switch, begin, child, counts, died, each_seed, end, list, no, pids, secs, stop};
use engset_otp::{ChildError, ChildState, Shutdown, Supervisor, SupervisorRef};
use engset_process::Cx;
use engset_term::{Pid, Term};

/// A switch whose child takes two seconds to fail to start.
fn deadlock() -> Switch {
    let switch = Switch::default();
    switch.failing_takes(secs(2));
    switch
}

/// Lets the child crash and fail to restart until the switch is set back.
async fn hang(cx: &mut Cx<Term>, switch: &Switch, pid: Pid) {
    switch.set(true);
    end(cx, pid, died()).await;
}

fn state(id: &str, state: ChildState) -> (String, ChildState) {
    (id.to_owned(), state)
}

/// The requests that a child in a restart loop refuses.
async fn refuses(supervisor: SupervisorRef, switch: &Switch, id: &str) {
    assert_eq!(supervisor.start_child(switch.child(id)).await, no(ChildError::AlreadyPresent));
    assert_eq!(supervisor.restart_child(id).await, no(ChildError::Restarting));
    assert_eq!(supervisor.delete_child(id).await, no(ChildError::Restarting));
}

/// A child in a restart loop can be terminated and restarted later, and does not keep its supervisor from ending.
#[test]
fn hanging_restart_loop() {
    each_seed(|mut cx| async move {
        let switch = deadlock();
        let supervisor = begin(&mut cx, Supervisor::one_for_one().intensity(8, secs(10))).await;
        let brutal = switch.child("child1").shutdown(Shutdown::BrutalKill);
        let pid = supervisor.start_child(brutal).await.unwrap();
        hang(&mut cx, &switch, pid).await;
        refuses(supervisor, &switch, "child1").await;
        assert_eq!(list(supervisor).await, [state("child1", ChildState::Restarting)]);
        assert_eq!(counts(supervisor).await, [1, 0, 0, 1]);
        supervisor.terminate_child("child1").await.unwrap();
        assert_eq!(list(supervisor).await, [state("child1", ChildState::Stopped)]);
        switch.set(false);
        cx.sleep(secs(5)).await;
        assert_eq!(list(supervisor).await, [state("child1", ChildState::Stopped)], "it is not tried again");
        let pid = supervisor.restart_child("child1").await.unwrap();
        hang(&mut cx, &switch, pid).await;
        assert!(stop(&mut cx, supervisor).await <= secs(2));
    });
}

/// The same in the middle of a rest for one, where those behind are stopped meanwhile.
#[test]
fn hanging_restart_loop_rest_for_one() {
    each_seed(|mut cx| async move {
        let switch = deadlock();
        let supervisor = begin(&mut cx, Supervisor::rest_for_one().intensity(8, secs(10))).await;
        let child1 = supervisor.start_child(child("child1")).await.unwrap();
        let child2 = supervisor.start_child(switch.child("child2")).await.unwrap();
        supervisor.start_child(child("child3")).await.unwrap();
        hang(&mut cx, &switch, child2).await;
        refuses(supervisor, &switch, "child2").await;
        let running = state("child1", ChildState::Running(child1));
        let stopped = |id| state(id, ChildState::Stopped);
        let hanging = [stopped("child3"), state("child2", ChildState::Restarting), running.clone()];
        assert_eq!(list(supervisor).await, hanging);
        assert_eq!(counts(supervisor).await, [3, 1, 0, 3]);
        supervisor.terminate_child("child2").await.unwrap();
        assert_eq!(list(supervisor).await, [stopped("child3"), stopped("child2"), running]);
        switch.set(false);
        let child2 = supervisor.restart_child("child2").await.unwrap();
        hang(&mut cx, &switch, child2).await;
        assert!(stop(&mut cx, supervisor).await <= secs(2));
    });
}

/// A dynamic child in a restart loop is terminated by the pid that it had.
#[test]
fn hanging_restart_loop_simple() {
    each_seed(|mut cx| async move {
        let switch = deadlock();
        let supervisor = begin(&mut cx, Supervisor::dynamic().intensity(8, secs(10))).await;
        let pid = supervisor.start_child(switch.child("child1")).await.unwrap();
        hang(&mut cx, &switch, pid).await;
        assert_eq!(supervisor.restart_child("child1").await, no(ChildError::Dynamic));
        assert_eq!(supervisor.delete_child("child1").await, no(ChildError::Dynamic));
        assert_eq!(list(supervisor).await, [state("child1", ChildState::Restarting)]);
        assert_eq!(counts(supervisor).await, [1, 0, 0, 1]);
        supervisor.terminate_child(pid).await.unwrap();
        assert_eq!(list(supervisor).await, []);
        switch.set(false);
        let pid = supervisor.start_child(switch.child("child1")).await.unwrap();
        assert_eq!(pids(supervisor).await, [pid]);
        hang(&mut cx, &switch, pid).await;
        assert!(stop(&mut cx, supervisor).await <= secs(2));
    });
}
