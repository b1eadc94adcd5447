//! Whom a strategy restarts, and what happens when restarts are too many or fail.

use crate::stage::{
    Order, Switch, add, all_end, all_live_on, begin, child, counts, died, each_seed, end, exit_of, millis,
    once, pids, secs, settle, stop, tell, up_to,
};
use engset_otp::{Child, ChildState, Restart, Shutdown, Strategy, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason};
use engset_term::{Pid, Term};

async fn two(cx: &mut Cx<Term>, supervisor: SupervisorRef) -> [Pid; 2] {
    [add(cx, supervisor, child("child1")).await, add(cx, supervisor, child("child2")).await]
}

/// Lets the child that was started last crash until the supervisor has had enough.
async fn crash_until_shutdown(cx: &mut Cx<Term>, supervisor: SupervisorRef, left: usize) {
    for _ in 0..left {
        let last = pids(supervisor).await[0];
        end(cx, last, died()).await;
    }
    let last = pids(supervisor).await[0];
    end(cx, last, died()).await;
    assert_eq!(exit_of(cx, supervisor.pid()).await, ExitReason::Shutdown);
}

/// One for one restarts the child that crashed and no other, as often as the intensity says.
#[test]
fn one_for_one() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        let [child1, child2] = two(&mut cx, supervisor).await;
        end(&mut cx, child1, died()).await;
        let after = pids(supervisor).await;
        assert_eq!((after.len(), after[0]), (2, child2));
        assert_ne!(after[1], child1);
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2]);
        crash_until_shutdown(&mut cx, supervisor, 1).await;
    });
}

/// A child that cannot be restarted ends the supervisor and its other children.
#[test]
fn one_for_one_escalation() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(4, Supervisor::one_for_one())).await;
        let child1 = supervisor.start_child(once("child1")).await.unwrap();
        let child2 = add(&mut cx, supervisor, child("child2")).await;
        end(&mut cx, child1, died()).await;
        assert_eq!(exit_of(&mut cx, supervisor.pid()).await, ExitReason::Shutdown);
        assert_eq!(exit_of(&mut cx, child2).await, ExitReason::Shutdown);
    });
}

/// One for all restarts all children when one crashed.
#[test]
fn one_for_all() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_all())).await;
        let [child1, child2] = two(&mut cx, supervisor).await;
        end(&mut cx, child1, died()).await;
        assert_eq!(exit_of(&mut cx, child2).await, ExitReason::Shutdown);
        let after = pids(supervisor).await;
        assert_eq!(after.len(), 2);
        assert!(!after.contains(&child1) && !after.contains(&child2));
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2]);
        crash_until_shutdown(&mut cx, supervisor, 1).await;
    });
}

/// A child that cannot be restarted with the others ends the supervisor.
#[test]
fn one_for_all_escalation() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(4, Supervisor::one_for_all())).await;
        let child1 = supervisor.start_child(child("child1")).await.unwrap();
        let child2 = add(&mut cx, supervisor, once("child2")).await;
        end(&mut cx, child1, died()).await;
        all_end(&mut cx, &[child2, supervisor.pid()]).await;
    });
}

/// One for all stops a child that was restarted already when another one fails to, and then starts both.
#[test]
fn one_for_all_other_child_fails_restart() {
    each_seed(|mut cx| async move {
        let switch = Switch::default();
        let supervisor = up_to(3, Supervisor::one_for_all());
        let supervisor =
            begin(&mut cx, supervisor.child(child("child1")).child(switch.child("child2"))).await;
        let first = pids(supervisor).await;
        switch.set(true);
        switch.failing_takes(millis(100));
        end(&mut cx, first[1], died()).await;
        // The second child is just failing to start; the first has been started again.
        cx.sleep(millis(50)).await;
        let second = children_of(&cx, supervisor);
        let [restarted] = second.as_slice() else { panic!("one runs, not {second:?}") };
        let watch = cx.monitor(*restarted);
        switch.set(false);
        let down = cx.receive(move |mail| match mail {
            engset_process::Mail::Down(down) if down.reference == watch => Ok(down.reason),
            mail => Err(mail),
        });
        assert_eq!(down.await, ExitReason::Shutdown);
        let third = pids(supervisor).await;
        assert_eq!(third.len(), 2);
        assert!(third.iter().all(|pid| !first.contains(pid) && pid != restarted));
        stop(&mut cx, supervisor).await;
    });
}

/// Who is linked to the supervisor, beside the test.
fn children_of(cx: &Cx<Term>, supervisor: SupervisorRef) -> Vec<Pid> {
    let links = cx.processes().info(supervisor.pid()).unwrap().links;
    links.into_iter().filter(|pid| *pid != cx.pid()).collect()
}

/// A dynamic supervisor restarts the child that crashed and no other, as often as the intensity says.
#[test]
fn simple_one_for_one() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let [child1, child2] = two(&mut cx, supervisor).await;
        end(&mut cx, child1, died()).await;
        let after = pids(supervisor).await;
        assert!(after.len() == 2 && after.contains(&child2) && !after.contains(&child1));
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2]);
        crash_until_shutdown(&mut cx, supervisor, 1).await;
    });
}

/// Children of a dynamic supervisor have the time of their specifications, all at once.
#[test]
fn simple_one_for_one_shutdown() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let mut slow = Vec::new();
        for takes in [1, 1, 5] {
            let patient = child("child").shutdown(Shutdown::Timeout(secs(2)));
            let pid = add(&mut cx, supervisor, patient).await;
            tell(&cx, pid, Order::StopSlowly(secs(takes))).await;
            slow.push(pid);
        }
        assert_eq!(stop(&mut cx, supervisor).await, secs(2));
        assert_eq!(exit_of(&mut cx, slow[0]).await, ExitReason::Shutdown);
        assert_eq!(exit_of(&mut cx, slow[1]).await, ExitReason::Shutdown);
        assert_eq!(exit_of(&mut cx, slow[2]).await, ExitReason::Killed);
    });
}

/// What the start of a dynamic child makes beside the process is made anew when it is restarted.
#[test]
fn simple_one_for_one_extra() {
    each_seed(|mut cx| async move {
        let (sender, extra) = std::sync::mpsc::channel();
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let mut started = Vec::new();
        for name in ["one", "two"] {
            let sender = sender.clone();
            let child = Child::process("child", move || {
                sender.send(name).unwrap();
                crate::stage::obedient
            });
            started.push(supervisor.start_child(child).await.unwrap());
        }
        assert_eq!(extra.try_iter().collect::<Vec<_>>(), ["one", "two"]);
        end(&mut cx, started[0], died()).await;
        assert!(pids(supervisor).await.contains(&started[1]));
        assert_eq!(extra.try_iter().collect::<Vec<_>>(), ["one"], "each has its own");
        end(&mut cx, started[1], died()).await;
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2]);
        assert_eq!(extra.try_iter().collect::<Vec<_>>(), ["two"]);
        crash_until_shutdown(&mut cx, supervisor, 0).await;
    });
}

/// A dynamic child that cannot be restarted ends the supervisor and its other children.
#[test]
fn simple_one_for_one_escalation() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(4, Supervisor::dynamic())).await;
        let child1 = supervisor.start_child(once("child")).await.unwrap();
        let child2 = add(&mut cx, supervisor, child("child")).await;
        end(&mut cx, child1, died()).await;
        all_end(&mut cx, &[supervisor.pid(), child2]).await;
    });
}

/// The end of one temporary dynamic child does not make the supervisor keep what the next one's start holds.
#[test]
fn simple_one_for_one_corruption() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let first = supervisor.start_child(child("child").restart(Restart::Temporary)).await.unwrap();
        end(&mut cx, first, died()).await;
        let big = std::sync::Arc::new(vec![0_u8; 50_000]);
        let held = std::sync::Arc::clone(&big);
        let second = Child::process("child", move || {
            assert_eq!(held.len(), 50_000);
            crate::stage::obedient
        });
        let second = supervisor.start_child(second.restart(Restart::Temporary)).await.unwrap();
        assert_eq!(std::sync::Arc::strong_count(&big), 1);
        end(&mut cx, second, died()).await;
        assert_eq!(counts(supervisor).await, [0; 4]);
    });
}

/// Rest for one restarts the child that crashed and those behind it.
#[test]
fn rest_for_one() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::rest_for_one())).await;
        let [child1, child2] = two(&mut cx, supervisor).await;
        let child3 = add(&mut cx, supervisor, child("child3")).await;
        assert_eq!(counts(supervisor).await, [3, 3, 0, 3]);
        end(&mut cx, child2, died()).await;
        assert_eq!(exit_of(&mut cx, child3).await, ExitReason::Shutdown);
        let after = pids(supervisor).await;
        assert_eq!((after.len(), after[2]), (3, child1));
        assert!(!after.contains(&child2) && !after.contains(&child3));
        assert_eq!(counts(supervisor).await, [3, 3, 0, 3]);
        crash_until_shutdown(&mut cx, supervisor, 1).await;
    });
}

/// A child behind the one that crashed that cannot be restarted ends the supervisor.
#[test]
fn rest_for_one_escalation() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(4, Supervisor::rest_for_one())).await;
        let child1 = supervisor.start_child(child("child1")).await.unwrap();
        let child2 = add(&mut cx, supervisor, once("child2")).await;
        end(&mut cx, child1, died()).await;
        all_end(&mut cx, &[child2, supervisor.pid()]).await;
    });
}

/// Rest for one leaves a child that was restarted already when one behind it fails to, and tries that one again.
#[test]
fn rest_for_one_other_child_fails_restart() {
    each_seed(|mut cx| async move {
        let switch = Switch::default();
        let supervisor = up_to(3, Supervisor::rest_for_one());
        let supervisor =
            begin(&mut cx, supervisor.child(child("child1")).child(switch.child("child2"))).await;
        let first = pids(supervisor).await;
        switch.set(true);
        switch.failing_takes(millis(100));
        end(&mut cx, first[1], died()).await;
        cx.sleep(millis(50)).await;
        let second = children_of(&cx, supervisor);
        let [restarted] = second.as_slice() else { panic!("one runs, not {second:?}") };
        switch.set(false);
        all_live_on(&cx, &[*restarted, supervisor.pid()]).await;
        let third = pids(supervisor).await;
        assert_eq!((third.len(), third[1]), (2, *restarted));
        stop(&mut cx, supervisor).await;
    });
}

/// A restart of all that fails in the middle leaves those behind it stopped until it is tried again.
#[test]
fn those_behind_a_failed_restart_wait_for_it() {
    each_seed(|mut cx| async move {
        let switch = Switch::default();
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = up_to(9, Supervisor::with_strategy(strategy));
            let supervisor = supervisor.child(child("a")).child(switch.child("b")).child(child("c"));
            let supervisor = begin(&mut cx, supervisor).await;
            switch.set(true);
            switch.failing_takes(millis(100));
            let first = pids(supervisor).await[2];
            end(&mut cx, first, died()).await;
            let states: Vec<ChildState> =
                crate::stage::list(supervisor).await.into_iter().map(|(_, state)| state).collect();
            assert_eq!((states[0], states[1]), (ChildState::Stopped, ChildState::Restarting));
            switch.set(false);
            cx.sleep(secs(1)).await;
            assert_eq!(pids(supervisor).await.len(), 3);
            stop(&mut cx, supervisor).await;
            settle(&cx).await;
        }
    });
}
