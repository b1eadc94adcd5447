//! Running supervisors whose automatic shutdown, or whose children's significance, is updated.

use crate::stage::{add, all_end, all_live_on, begin, child, each_seed, end, exit_of, no, only, stop};
use engset_otp::{AutoShutdown, Child, ChildError, Restart, SpecError, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason};
use engset_term::Term;

fn with(auto_shutdown: AutoShutdown) -> Supervisor {
    Supervisor::one_for_one().auto_shutdown(auto_shutdown)
}

fn significant(id: &str) -> Child {
    child(id).restart(Restart::Transient).significant(true)
}

async fn refuses_significant(supervisor: SupervisorRef, id: &str) {
    let error = ChildError::Refused(SpecError::SignificantForNothing(id.into()));
    assert_eq!(supervisor.start_child(significant(id)).await, no(error));
}

/// What holds after an update from never: significant children are accepted and count.
async fn from_never(cx: &mut Cx<Term>, to: AutoShutdown) {
    let supervisor = begin(cx, with(AutoShutdown::Never)).await;
    refuses_significant(supervisor, "child1").await;
    supervisor.update(with(to)).await.unwrap();
    let child1 = add(cx, supervisor, significant("child1")).await;
    let child2 = add(cx, supervisor, significant("child2")).await;
    end(cx, child1, ExitReason::Normal).await;
    if to == AutoShutdown::AllSignificant {
        all_live_on(cx, &[child2, supervisor.pid()]).await;
        end(cx, child2, ExitReason::Normal).await;
    }
    all_end(cx, &[child2, supervisor.pid()]).await;
}

/// What holds after an update to never: significant children stay, count no more, and no new ones are accepted.
async fn to_never(cx: &mut Cx<Term>, from: AutoShutdown) {
    let supervisor = begin(cx, with(from)).await;
    let child1 = add(cx, supervisor, significant("child1")).await;
    supervisor.update(with(AutoShutdown::Never)).await.unwrap();
    all_live_on(cx, &[child1, supervisor.pid()]).await;
    refuses_significant(supervisor, "child2").await;
    end(cx, child1, ExitReason::Normal).await;
    all_live_on(cx, &[supervisor.pid()]).await;
    let child1 = supervisor.restart_child("child1").await.unwrap();
    cx.link(child1);
    stop(cx, supervisor).await;
    assert_eq!(exit_of(cx, child1).await, ExitReason::Shutdown);
}

/// From never to any: the end of one shuts down.
#[test]
fn significant_upgrade_never_any() {
    each_seed(|mut cx| async move { from_never(&mut cx, AutoShutdown::AnySignificant).await });
}

/// From any to never: the end of one does not shut down any more.
#[test]
fn significant_upgrade_any_never() {
    each_seed(|mut cx| async move { to_never(&mut cx, AutoShutdown::AnySignificant).await });
}

/// From never to all: the end of the last one shuts down.
#[test]
fn significant_upgrade_never_all() {
    each_seed(|mut cx| async move { from_never(&mut cx, AutoShutdown::AllSignificant).await });
}

/// From all to never: the end of the last one does not shut down any more.
#[test]
fn significant_upgrade_all_never() {
    each_seed(|mut cx| async move { to_never(&mut cx, AutoShutdown::AllSignificant).await });
}

/// From any to all: only the end of the last one shuts down.
#[test]
fn significant_upgrade_any_all() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, with(AutoShutdown::AnySignificant)).await;
        let child1 = add(&mut cx, supervisor, significant("child1")).await;
        let child2 = add(&mut cx, supervisor, significant("child2")).await;
        supervisor.update(with(AutoShutdown::AllSignificant)).await.unwrap();
        all_live_on(&cx, &[child1, child2, supervisor.pid()]).await;
        end(&mut cx, child1, ExitReason::Normal).await;
        all_live_on(&cx, &[child2, supervisor.pid()]).await;
        end(&mut cx, child2, ExitReason::Normal).await;
        all_end(&mut cx, &[child2, supervisor.pid()]).await;
    });
}

/// From all to any: the end of one shuts down.
#[test]
fn significant_upgrade_all_any() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, with(AutoShutdown::AllSignificant)).await;
        let child1 = add(&mut cx, supervisor, significant("child1")).await;
        let child2 = add(&mut cx, supervisor, significant("child2")).await;
        supervisor.update(with(AutoShutdown::AnySignificant)).await.unwrap();
        all_live_on(&cx, &[child1, child2, supervisor.pid()]).await;
        end(&mut cx, child1, ExitReason::Normal).await;
        all_end(&mut cx, &[child1, child2, supervisor.pid()]).await;
    });
}

/// A child becomes significant and stops being so while it runs; where the supervisor never shuts down it does not.
#[test]
fn significant_upgrade_child() {
    each_seed(|mut cx| async move {
        let plain = || child("child").restart(Restart::Transient);
        let any = || with(AutoShutdown::AnySignificant);

        let never = begin(&mut cx, with(AutoShutdown::Never).child(plain())).await;
        let pid = only(never).await;
        let refused = never.update(with(AutoShutdown::Never).child(significant("child"))).await;
        assert_eq!(refused, no(ChildError::Refused(SpecError::SignificantForNothing("child".into()))));
        all_live_on(&cx, &[pid, never.pid()]).await;
        stop(&mut cx, never).await;

        let becomes = begin(&mut cx, any().child(plain())).await;
        let pid = only(becomes).await;
        becomes.update(any().child(significant("child"))).await.unwrap();
        all_live_on(&cx, &[pid, becomes.pid()]).await;
        end(&mut cx, pid, ExitReason::Normal).await;
        assert_eq!(exit_of(&mut cx, becomes.pid()).await, ExitReason::Shutdown);

        let was = begin(&mut cx, any().child(significant("child"))).await;
        let pid = only(was).await;
        was.update(any().child(plain())).await.unwrap();
        end(&mut cx, pid, ExitReason::Normal).await;
        all_live_on(&cx, &[was.pid()]).await;
        stop(&mut cx, was).await;
    });
}
