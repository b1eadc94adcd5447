//! Which ends of which children are followed by a restart.

use crate::stage::{
    begin, child, counts, died, each_seed, end, list, named, no, only, secs, shutdown_with, up_to,
};
use engset_otp::{ChildError, ChildState, Restart, Shutdown, Strategy, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason};
use engset_term::Term;

/// A supervisor with one child of this restart type that ended for `reason`.
async fn after_end(cx: &mut Cx<Term>, restart: Restart, reason: ExitReason) -> SupervisorRef {
    let supervisor = begin(cx, up_to(2, Supervisor::one_for_one())).await;
    let pid = supervisor.start_child(child("child1").restart(restart)).await.unwrap();
    end(cx, pid, reason).await;
    supervisor
}

fn restarted(restart: Restart, reasons: fn() -> Vec<ExitReason>) {
    each_seed(move |mut cx| async move {
        for reason in reasons() {
            let supervisor = after_end(&mut cx, restart, reason).await;
            only(supervisor).await;
            assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
        }
    });
}

fn not_restarted(restart: Restart, left: usize, reasons: fn() -> Vec<ExitReason>) {
    each_seed(move |mut cx| async move {
        for reason in reasons() {
            let supervisor = after_end(&mut cx, restart, reason).await;
            let stopped = vec![("child1".to_owned(), ChildState::Stopped); left];
            assert_eq!(list(supervisor).await, stopped);
            assert_eq!(counts(supervisor).await, [left, 0, 0, left]);
        }
    });
}

fn normal() -> Vec<ExitReason> {
    vec![ExitReason::Normal]
}

fn shutdown() -> Vec<ExitReason> {
    vec![ExitReason::Shutdown, shutdown_with("some_info")]
}

fn abnormal() -> Vec<ExitReason> {
    vec![died(), ExitReason::Kill, named("noproc")]
}

/// A permanent child is restarted after `normal`.
#[test]
fn permanent_normal() {
    restarted(Restart::Permanent, normal);
}

/// A transient child is not restarted after `normal`, and stays in the list.
#[test]
fn transient_normal() {
    not_restarted(Restart::Transient, 1, normal);
}

/// A temporary child is not restarted after `normal`, and leaves the list.
#[test]
fn temporary_normal() {
    not_restarted(Restart::Temporary, 0, normal);
}

/// A permanent child is restarted after `shutdown` and `{shutdown, _}`.
#[test]
fn permanent_shutdown() {
    restarted(Restart::Permanent, shutdown);
}

/// A transient child is not restarted after `shutdown` or `{shutdown, _}`, and stays in the list.
#[test]
fn transient_shutdown() {
    not_restarted(Restart::Transient, 1, shutdown);
}

/// A temporary child is not restarted after `shutdown` or `{shutdown, _}`, and leaves the list.
#[test]
fn temporary_shutdown() {
    not_restarted(Restart::Temporary, 0, shutdown);
}

/// A permanent child is restarted after a crash.
#[test]
fn permanent_abnormal() {
    restarted(Restart::Permanent, abnormal);
}

/// A transient child is restarted after a crash.
#[test]
fn transient_abnormal() {
    restarted(Restart::Transient, abnormal);
}

/// A temporary child is not restarted after a crash, and leaves the list.
#[test]
fn temporary_abnormal() {
    not_restarted(Restart::Temporary, 0, abnormal);
}

/// A temporary child that is stopped with a sibling is not started again, and does not end its supervisor.
#[test]
fn temporary_bystander() {
    each_seed(|mut cx| async move {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let supervisor = begin(&mut cx, up_to(2, Supervisor::with_strategy(strategy))).await;
            let pid = supervisor.start_child(child("child1")).await.unwrap();
            let bystander = child("child2").restart(Restart::Temporary);
            let bystander = supervisor.start_child(bystander).await.unwrap();
            end(&mut cx, pid, ExitReason::Normal).await;
            assert_ne!(only(supervisor).await, pid);
            assert!(!cx.processes().is_alive(bystander));
            assert!(cx.processes().is_alive(supervisor.pid()));
        }
    });
}

/// A child may be restarted over and over as long as the intensity is kept.
#[test]
fn multiple_restarts() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one().intensity(1, secs(1))).await;
        let brutal = child("child1").shutdown(Shutdown::BrutalKill);
        supervisor.start_child(brutal).await.unwrap();
        for _ in 0..4 {
            let pid = only(supervisor).await;
            end(&mut cx, pid, died()).await;
            assert_ne!(only(supervisor).await, pid);
            cx.sleep(secs(2)).await;
        }
        supervisor.terminate_child("child1").await.unwrap();
        supervisor.delete_child("child1").await.unwrap();
        assert!(cx.processes().is_alive(supervisor.pid()));
    });
}

/// What the start of a temporary child holds is dropped once it has started; it is never needed again.
#[test]
fn do_not_save_start_parameters_for_temporary_children() {
    each_seed(|mut cx| async move {
        let strategies = [Strategy::OneForAll, Strategy::OneForOne, Strategy::RestForOne];
        let supervisors =
            strategies.map(Supervisor::with_strategy).into_iter().chain([Supervisor::dynamic()]);
        for supervisor in supervisors {
            let supervisor = begin(&mut cx, up_to(2, supervisor)).await;
            for (restart, held) in
                [(Restart::Permanent, 10), (Restart::Transient, 10), (Restart::Temporary, 0)]
            {
                let parameter = std::sync::Arc::new("potentially large");
                for n in 0..10 {
                    let parameter = std::sync::Arc::clone(&parameter);
                    let child = engset_otp::Child::process(&format!("{restart:?} {n}"), move || {
                        assert_eq!(*parameter, "potentially large");
                        crate::stage::obedient
                    });
                    supervisor.start_child(child.restart(restart)).await.unwrap();
                }
                assert_eq!(std::sync::Arc::strong_count(&parameter), 1 + held, "{restart:?}");
            }
        }
    });
}

/// However it ends, a temporary child leaves nothing in the list; others stay, running or not.
#[test]
fn do_not_save_child_specs_for_temporary_children() {
    each_seed(|mut cx| async move {
        for strategy in [Strategy::OneForAll, Strategy::OneForOne, Strategy::RestForOne] {
            for how in [Some(ExitReason::Kill), Some(ExitReason::Normal), Some(died()), None] {
                let supervisor = begin(&mut cx, up_to(9, Supervisor::with_strategy(strategy))).await;
                for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                    let spec = || child("child").restart(restart);
                    let pid = supervisor.start_child(spec()).await.unwrap();
                    match &how {
                        Some(reason) => end(&mut cx, pid, reason.clone()).await,
                        None => supervisor.terminate_child("child").await.unwrap(),
                    }
                    let again = supervisor.start_child(spec()).await;
                    let stays_stopped =
                        how.is_none() || restart == Restart::Transient && how == Some(ExitReason::Normal);
                    match restart {
                        Restart::Temporary => assert!(again.is_ok(), "{again:?}"),
                        _ if stays_stopped => assert_eq!(again, no(ChildError::AlreadyPresent)),
                        _ => assert_eq!(again, no(ChildError::AlreadyStarted(only(supervisor).await))),
                    }
                    supervisor.terminate_child("child").await.unwrap();
                    // A temporary one is gone already.
                    drop(supervisor.delete_child("child").await);
                }
            }
        }
    });
}
