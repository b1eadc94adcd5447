//! start_child, terminate_child, restart_child, delete_child, get_childspec, which_children, count_children.

use crate::stage::{add, begin, child, counts, each_seed, exit_of, list, no, obedient, only, up_to};
use engset_otp::{CallError, ChildError, ChildState, Supervisor, SupervisorRef};
use engset_process::{Addr, ExitReason};
use engset_term::Pid;

/// A handle on nobody.
fn nobody() -> SupervisorRef {
    SupervisorRef::new(Addr::new(Pid::new(engset_term::NodeName::NONODE, 1, 999_999, 0)))
}

/// All requests about children by their ids, in all the states that a child can be in.
#[test]
fn child_adm() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one()).child(child("child1"))).await;
        let pid = only(supervisor).await;
        cx.link(pid);
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
        assert_eq!(supervisor.start_child(child("child1")).await, no(ChildError::AlreadyStarted(pid)));

        assert_eq!(supervisor.terminate_child("hej").await, no(ChildError::NotFound));
        assert_eq!(nobody().terminate_child("child1").await, Err(CallError::NoProcess));
        supervisor.terminate_child("child1").await.unwrap();
        assert_eq!(exit_of(&mut cx, pid).await, ExitReason::Shutdown);
        assert_eq!(list(supervisor).await, [("child1".to_owned(), ChildState::Stopped)]);
        assert_eq!(counts(supervisor).await, [1, 0, 0, 1]);
        supervisor.terminate_child("child1").await.unwrap();
        assert_eq!(supervisor.start_child(child("child1")).await, no(ChildError::AlreadyPresent));

        let pid = supervisor.restart_child("child1").await.unwrap();
        assert_eq!(only(supervisor).await, pid);
        assert_eq!(supervisor.restart_child("child1").await, no(ChildError::Running));
        assert_eq!(supervisor.restart_child("child2").await, no(ChildError::NotFound));

        assert_eq!(supervisor.delete_child("child1").await, no(ChildError::Running));
        assert_eq!(supervisor.delete_child("hej").await, no(ChildError::NotFound));
        assert_eq!(nobody().delete_child("child1").await, Err(CallError::NoProcess));
        supervisor.terminate_child("child1").await.unwrap();
        supervisor.delete_child("child1").await.unwrap();
        assert_eq!(supervisor.restart_child("child1").await, no(ChildError::NotFound));
        assert_eq!(list(supervisor).await, []);
        assert_eq!(counts(supervisor).await, [0; 4]);

        assert_eq!(nobody().start_child(child("child1")).await, Err(CallError::NoProcess));
        let pid = supervisor.start_child(child("child1")).await.unwrap();
        assert_eq!(supervisor.terminate_child(pid).await, no(ChildError::NotFound), "not by pid");
        assert_eq!(only(supervisor).await, pid);
        assert_eq!(nobody().which_children().await, Err(CallError::NoProcess));
        assert_eq!(nobody().count_children().await, Err(CallError::NoProcess));
    });
}

/// A dynamic supervisor knows its children by pid only, and forgets those that it terminates.
#[test]
fn child_adm_simple() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        assert_eq!(list(supervisor).await, []);
        assert_eq!(counts(supervisor).await, [0; 4]);
        assert_eq!(nobody().start_child(child("child")).await, Err(CallError::NoProcess));
        let child1 = supervisor.start_child(child("child")).await.unwrap();
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
        let child2 = supervisor.start_child(child("child")).await.unwrap();
        let both = [child2, child1].map(|pid| ("child".to_owned(), ChildState::Running(pid)));
        assert_eq!(list(supervisor).await, both);
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2]);

        assert_eq!(supervisor.terminate_child("child").await, no(ChildError::Dynamic));
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2]);
        supervisor.terminate_child(child1).await.unwrap();
        assert_eq!(only(supervisor).await, child2);
        assert!(!cx.processes().is_alive(child1));
        supervisor.terminate_child(child1).await.unwrap();
        assert_eq!(counts(supervisor).await, [1, 1, 0, 1]);
        let stranger = cx.spawn(obedient).unwrap().pid();
        assert_eq!(supervisor.terminate_child(stranger).await, no(ChildError::NotFound));
        assert!(cx.processes().is_alive(stranger));

        assert_eq!(supervisor.restart_child("child").await, no(ChildError::Dynamic));
        assert_eq!(supervisor.delete_child("child").await, no(ChildError::Dynamic));
        assert_eq!(supervisor.delete_child(child2).await, no(ChildError::Dynamic));
    });
}

/// The list shows each change at once, in start order, the last one first.
#[test]
fn which_children() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one()).await;
        let running = |id: &str, pid| (id.to_owned(), ChildState::Running(pid));
        assert_eq!(list(supervisor).await, []);
        let child1 = add(&mut cx, supervisor, child("child1")).await;
        assert_eq!(list(supervisor).await, [running("child1", child1)]);
        let child2 = add(&mut cx, supervisor, child("child2")).await;
        assert_eq!(list(supervisor).await, [running("child2", child2), running("child1", child1)]);
        supervisor.terminate_child("child1").await.unwrap();
        let stopped = ("child1".to_owned(), ChildState::Stopped);
        assert_eq!(list(supervisor).await, [running("child2", child2), stopped]);
        supervisor.delete_child("child1").await.unwrap();
        assert_eq!(list(supervisor).await, [running("child2", child2)]);
    });
}
