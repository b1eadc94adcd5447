//! Significant children and the supervisor's automatic shutdown.

use crate::stage::{
    add, all_end, all_live_on, begin, child, died, each_seed, end, exit_of, only, pids, stop, up_to,
};
use engset_otp::{AutoShutdown, Child, Restart, StartError, Strategy, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason};
use engset_term::{Pid, Term};

const ALL: [AutoShutdown; 3] =
    [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];

/// Two significant children of this restart type and a third that is not, linked to the test.
async fn three(
    cx: &mut Cx<Term>,
    auto_shutdown: AutoShutdown,
    restart: Restart,
) -> (SupervisorRef, [Pid; 3]) {
    let supervisor = up_to(5, Supervisor::one_for_one()).auto_shutdown(auto_shutdown);
    let supervisor = begin(cx, supervisor).await;
    let mut started = Vec::new();
    for (id, significant) in [("child1", true), ("child2", true), ("child3", false)] {
        let child = child(id).restart(restart).significant(significant);
        started.push(add(cx, supervisor, child).await);
    }
    (supervisor, started.try_into().unwrap())
}

/// A temporary child that is not significant ends in whatever way; the supervisor stays.
#[test]
fn nonsignificant_temporary() {
    each_seed(|mut cx| async move {
        for auto_shutdown in ALL {
            let supervisor = begin(&mut cx, Supervisor::one_for_one().auto_shutdown(auto_shutdown)).await;
            let temporary = || child("child1").restart(Restart::Temporary);
            supervisor.start_child(temporary()).await.unwrap();
            supervisor.terminate_child("child1").await.unwrap();
            all_live_on(&cx, &[supervisor.pid()]).await;
            for reason in [ExitReason::Kill, died(), ExitReason::Normal] {
                let pid = supervisor.start_child(temporary()).await.unwrap();
                end(&mut cx, pid, reason).await;
                all_live_on(&cx, &[supervisor.pid()]).await;
            }
            stop(&mut cx, supervisor).await;
        }
    });
}

/// A transient child that is not significant ends in whatever way; the supervisor stays.
#[test]
fn nonsignificant_transient() {
    each_seed(|mut cx| async move {
        for auto_shutdown in ALL {
            let supervisor = up_to(5, Supervisor::one_for_one()).auto_shutdown(auto_shutdown);
            let supervisor = begin(&mut cx, supervisor).await;
            supervisor.start_child(child("child1").restart(Restart::Transient)).await.unwrap();
            supervisor.terminate_child("child1").await.unwrap();
            all_live_on(&cx, &[supervisor.pid()]).await;
            supervisor.restart_child("child1").await.unwrap();
            for reason in [ExitReason::Kill, died(), ExitReason::Normal] {
                let pid = only(supervisor).await;
                end(&mut cx, pid, reason).await;
                all_live_on(&cx, &[supervisor.pid()]).await;
            }
            stop(&mut cx, supervisor).await;
        }
    });
}

/// The end of any, or of the last, temporary significant child shuts the supervisor down, unless it was asked for.
#[test]
fn significant_temporary() {
    each_seed(|mut cx| async move {
        let any = AutoShutdown::AnySignificant;
        let (supervisor, [child1, child2, child3]) = three(&mut cx, any, Restart::Temporary).await;
        supervisor.terminate_child("child1").await.unwrap();
        exit_of(&mut cx, child1).await;
        all_live_on(&cx, &[child2, child3, supervisor.pid()]).await;
        stop(&mut cx, supervisor).await;
        for reason in [ExitReason::Kill, died(), ExitReason::Normal] {
            let (supervisor, [child1, child2, child3]) = three(&mut cx, any, Restart::Temporary).await;
            end(&mut cx, child1, reason).await;
            all_end(&mut cx, &[child1, child2, child3]).await;
            assert_eq!(exit_of(&mut cx, supervisor.pid()).await, ExitReason::Shutdown);
        }
        let all = AutoShutdown::AllSignificant;
        let (supervisor, [child1, child2, child3]) = three(&mut cx, all, Restart::Temporary).await;
        end(&mut cx, child1, ExitReason::Normal).await;
        all_live_on(&cx, &[child2, child3, supervisor.pid()]).await;
        end(&mut cx, child2, ExitReason::Normal).await;
        all_end(&mut cx, &[child3, supervisor.pid()]).await;
    });
}

/// The orderly end of any, or of the last, transient significant child shuts the supervisor down; a crash does not.
#[test]
fn significant_transient() {
    each_seed(|mut cx| async move {
        let any = AutoShutdown::AnySignificant;
        let (supervisor, [_, child2, child3]) = three(&mut cx, any, Restart::Transient).await;
        supervisor.terminate_child("child1").await.unwrap();
        all_live_on(&cx, &[child2, child3, supervisor.pid()]).await;
        supervisor.restart_child("child1").await.unwrap();
        for reason in [ExitReason::Kill, died()] {
            let child1 = pids(supervisor).await[2];
            end(&mut cx, child1, reason).await;
            all_live_on(&cx, &[child2, child3, supervisor.pid()]).await;
            assert_ne!(pids(supervisor).await[2], child1);
        }
        let child1 = pids(supervisor).await[2];
        end(&mut cx, child1, ExitReason::Normal).await;
        all_end(&mut cx, &[child2, child3, supervisor.pid()]).await;

        let all = AutoShutdown::AllSignificant;
        let (supervisor, [child1, child2, child3]) = three(&mut cx, all, Restart::Transient).await;
        end(&mut cx, child1, ExitReason::Normal).await;
        all_live_on(&cx, &[child2, child3, supervisor.pid()]).await;
        end(&mut cx, child2, ExitReason::Shutdown).await;
        all_end(&mut cx, &[child3, supervisor.pid()]).await;
    });
}

/// A dynamic supervisor cannot shut itself down, and says so when it is started.
#[test]
fn significant_simple() {
    each_seed(|mut cx| async move {
        for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            let error =
                Supervisor::dynamic().auto_shutdown(auto_shutdown).start_link(&mut cx).await.unwrap_err();
            let StartError::Init(reason) = error else { panic!("it was spawned") };
            assert!(reason.to_string().starts_with("{supervisor_data,{bad_combination,"), "{reason}");
        }
        let supervisor = begin(&mut cx, Supervisor::dynamic().auto_shutdown(AutoShutdown::Never)).await;
        supervisor.start_child(child("child").significant(true)).await.unwrap_err();
        stop(&mut cx, supervisor).await;
    });
}

/// Significant children that are stopped because a sibling crashed do not shut the supervisor down.
#[test]
fn significant_bystander() {
    each_seed(|mut cx| async move {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
                let supervisor = up_to(5, Supervisor::with_strategy(strategy)).auto_shutdown(auto_shutdown);
                let supervisor = begin(&mut cx, supervisor).await;
                let mut started = Vec::new();
                for (id, significant) in [("child1", true), ("child2", false), ("child3", true)] {
                    let child = child(id).restart(Restart::Transient).significant(significant);
                    started.push(add(&mut cx, supervisor, child).await);
                }
                end(&mut cx, started[1], ExitReason::Kill).await;
                let (gone, left): (&[Pid], &[Pid]) = match strategy {
                    Strategy::OneForOne => (&started[1..2], &[started[0], started[2]]),
                    Strategy::OneForAll => (&started, &[]),
                    Strategy::RestForOne => (&started[1..], &started[..1]),
                };
                all_end(&mut cx, gone).await;
                all_live_on(&cx, left).await;
                assert_eq!(pids(supervisor).await.len(), 3);
                stop(&mut cx, supervisor).await;
            }
        }
    });
}

/// A supervisor that shut itself down is an orderly end of a child: it shuts down the one above where it is significant.
#[test]
fn significant_escalation() {
    each_seed(|mut cx| async move {
        let any = |supervisor: Supervisor| supervisor.auto_shutdown(AutoShutdown::AnySignificant);
        for significant in [true, false] {
            let above = begin(&mut cx, any(Supervisor::one_for_one())).await;
            let below = Child::supervisor("below", move || any(Supervisor::one_for_one()));
            let below = below.restart(Restart::Transient).significant(significant);
            let below = SupervisorRef::new(engset_process::Addr::new(add(&mut cx, above, below).await));
            let worker = child("child1").restart(Restart::Transient).significant(true);
            let worker = add(&mut cx, below, worker).await;
            end(&mut cx, worker, ExitReason::Normal).await;
            assert_eq!(exit_of(&mut cx, below.pid()).await, ExitReason::Shutdown);
            if significant {
                assert_eq!(exit_of(&mut cx, above.pid()).await, ExitReason::Shutdown);
            } else {
                all_live_on(&cx, &[above.pid()]).await;
                stop(&mut cx, above).await;
            }
        }
    });
}

/// A significant child that is being restarted still counts as one that has not ended.
#[test]
fn a_significant_child_that_fails_to_restart_has_not_ended() {
    each_seed(|mut cx| async move {
        let switch = crate::stage::Switch::default();
        switch.failing_takes(crate::stage::secs(1));
        let supervisor = up_to(9, Supervisor::one_for_one()).auto_shutdown(AutoShutdown::AllSignificant);
        let supervisor = begin(&mut cx, supervisor).await;
        let significant = |child: Child| child.restart(Restart::Transient).significant(true);
        let shaky = supervisor.start_child(significant(switch.child("shaky"))).await.unwrap();
        let other = supervisor.start_child(significant(child("other"))).await.unwrap();
        switch.set(true);
        end(&mut cx, shaky, died()).await;
        end(&mut cx, other, ExitReason::Normal).await;
        all_live_on(&cx, &[supervisor.pid()]).await;
        switch.set(false);
        cx.sleep(crate::stage::secs(3)).await;
        let children = supervisor.which_children().await.unwrap();
        let engset_otp::ChildState::Running(shaky) = children[1].state else { panic!("{children:?}") };
        end(&mut cx, shaky, ExitReason::Normal).await;
        assert_eq!(exit_of(&mut cx, supervisor.pid()).await, ExitReason::Shutdown);
    });
}
