//! How many children a supervisor may have, on both sides of the limit.

use crate::stage::{begin, child, counts, died, each_seed, end, ignoring, no, only, up_to};
use engset_otp::{ChildError, Restart, SpecError, StartError, Supervisor};

#[test]
fn a_dynamic_supervisor_takes_as_many_children_as_it_may_and_no_more() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(9, Supervisor::dynamic()).max_children(2)).await;
        let first = supervisor.start_child(child("c")).await.unwrap();
        supervisor.start_child(child("c").restart(Restart::Temporary)).await.unwrap();
        assert_eq!(supervisor.start_child(child("c")).await, no(ChildError::MaxChildren));
        assert_eq!(supervisor.start_child(ignoring("c")).await, no(ChildError::MaxChildren));
        supervisor.terminate_child(first).await.unwrap();
        let second = supervisor.start_child(child("c")).await.unwrap();
        assert_eq!(supervisor.start_child(child("c")).await, no(ChildError::MaxChildren));
        end(&mut cx, second, died()).await;
        assert_eq!(counts(supervisor).await, [2, 2, 0, 2], "restarts are not refused");
    });
}

#[test]
fn no_children_at_all_may_be_allowed() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::dynamic().max_children(0)).await;
        assert_eq!(supervisor.start_child(child("c")).await, no(ChildError::MaxChildren));
    });
}

#[test]
fn children_that_do_not_run_count_too() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one().max_children(1).child(child("a"))).await;
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(supervisor.start_child(child("a")).await, no(ChildError::AlreadyPresent));
        assert_eq!(supervisor.start_child(child("b")).await, no(ChildError::MaxChildren));
        supervisor.delete_child("a").await.unwrap();
        let pid = supervisor.start_child(child("b")).await.unwrap();
        assert_eq!(only(supervisor).await, pid);
    });
}

#[test]
fn more_children_than_allowed_are_refused_at_the_start_and_by_updates() {
    each_seed(|mut cx| async move {
        let two = |max| Supervisor::one_for_one().max_children(max).child(child("a")).child(child("b"));
        let StartError::Init(reason) = two(1).start_link(&mut cx).await.unwrap_err() else {
            panic!("it was spawned")
        };
        assert_eq!(reason.to_string(), "{start_spec,max_children}");
        let supervisor = begin(&mut cx, two(2)).await;
        let error = ChildError::Refused(SpecError::TooManyChildren { max: 1 });
        assert_eq!(supervisor.update(two(1)).await, no(error));
        supervisor.update(two(3)).await.unwrap();
        supervisor.start_child(child("c")).await.unwrap();
        assert_eq!(supervisor.start_child(child("d")).await, no(ChildError::MaxChildren));
    });
}
