//! Counting children.

use crate::stage::{
    Switch, begin, child, counts, died, each_seed, end, millis, on_threads, pids, secs, up_to,
};
use engset_otp::{ChildKind, Restart, Shutdown, Supervisor};
use engset_process::ExitReason;

/// How many children the test has at first, and then again as many.
const MANY: usize = 1_000;

fn counted(kind: ChildKind) {
    on_threads(move |mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let expected = |number: usize| match kind {
            ChildKind::Worker => [number, number, 0, number],
            ChildKind::Supervisor => [number, number, number, 0],
        };
        for number in [MANY, 2 * MANY] {
            for _ in 0..MANY {
                let child = child("child").restart(Restart::Temporary).kind(kind);
                supervisor.start_child(child).await.unwrap();
            }
            assert_eq!(counts(supervisor).await, expected(number));
            assert_eq!(pids(supervisor).await.len(), number);
            assert_eq!(pids(supervisor).await, pids(supervisor).await);
        }
        for pid in pids(supervisor).await {
            end(&mut cx, pid, ExitReason::Kill).await;
        }
        assert_eq!(counts(supervisor).await, [0; 4]);
    });
}

/// A dynamic supervisor counts thousands of children, and none when they have ended.
#[test]
fn count_children() {
    counted(ChildKind::Worker);
}

/// Children that are supervisors are counted as such.
#[test]
fn count_children_supervisor() {
    counted(ChildKind::Supervisor);
}

/// A child that is being restarted is counted, and is not active.
#[test]
fn count_restarting_children() {
    each_seed(|mut cx| async move {
        let switch = Switch::default();
        switch.failing_takes(secs(1));
        let supervisor = begin(&mut cx, Supervisor::dynamic().intensity(20, secs(10))).await;
        assert_eq!(counts(supervisor).await, [0; 4]);
        for number in 1..=3 {
            supervisor.start_child(switch.child("child").shutdown(Shutdown::BrutalKill)).await.unwrap();
            assert_eq!(counts(supervisor).await, [number, number, 0, number]);
        }
        for pid in pids(supervisor).await {
            end(&mut cx, pid, died()).await;
        }
        assert_eq!(counts(supervisor).await, [3, 3, 0, 3]);
        let [_, second, third] = pids(supervisor).await.try_into().unwrap();
        switch.set(true);
        end(&mut cx, second, died()).await;
        end(&mut cx, third, died()).await;
        cx.sleep(millis(3_500)).await;
        assert_eq!(counts(supervisor).await, [3, 1, 0, 3]);
        switch.set(false);
        cx.sleep(secs(4)).await;
        assert_eq!(counts(supervisor).await, [3, 3, 0, 3]);
        for left in (0..3).rev() {
            let pid = pids(supervisor).await[0];
            supervisor.terminate_child(pid).await.unwrap();
            assert_eq!(counts(supervisor).await, [left, left, 0, left]);
        }
    });
}
