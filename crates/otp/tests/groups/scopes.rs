//! The life of a scope: its start, its limits, its restart, its end.

use crate::node::{atom, each_seed, on_threads, settle};
use engset_otp::groups::{DEFAULT_SCOPE, GroupError, GroupLimits, Scope};
use engset_otp::{CallError, StartError, StopError, Supervisor, sys};
use engset_process::{Cx, Exit, ExitReason, Mail};
use engset_term::{Pid, Term};
use std::time::Duration;

pub(crate) const GROUP: Term = Term::atom("group");

/// A process that does nothing until it is told to end.
pub(crate) fn member(cx: &Cx<Term>) -> Pid {
    let wait = |mut cx: Cx<Term>| async move {
        match cx.recv().await {
            Mail::Message(reason) => Err::<(), _>(Exit(ExitReason::from_term(reason))),
            _ => Ok(()),
        }
    };
    cx.spawn::<Term, _, _>(wait).unwrap().pid()
}

pub(crate) async fn started(name: &str) -> Scope {
    let scope = Scope::new(atom(name));
    scope.start().await.unwrap();
    scope
}

/// A scope runs once, under its name, is found by it, and has no groups before and after.
#[test]
fn a_scope_runs_once() {
    each_seed(|cx| async move {
        let scope = Scope::new(DEFAULT_SCOPE);
        assert_eq!(scope.join(GROUP, [cx.pid()]).await, Err(CallError::NoProcess));
        assert_eq!((scope.members(&GROUP), scope.which_groups()), (vec![], vec![]));
        scope.start().await.unwrap();
        assert!(matches!(scope.start().await, Err(StartError::Spawn(_))));
        assert!(matches!(Scope::new(DEFAULT_SCOPE).start().await, Err(StartError::Spawn(_))));
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        assert_eq!(Scope::find(DEFAULT_SCOPE).await.unwrap().members(&GROUP), [cx.pid()]);
        scope.stop(ExitReason::Normal, Duration::from_secs(1)).await.unwrap();
        assert_eq!((scope.members(&GROUP), scope.which_groups()), (vec![], vec![]));
        let stopped = scope.stop(ExitReason::Normal, Duration::from_secs(1)).await;
        assert_eq!(stopped, Err(StopError::NoProcess));
        assert!(matches!(Scope::find(DEFAULT_SCOPE).await, Err(CallError::NoProcess)));
        scope.start().await.unwrap();
        assert_eq!(scope.members(&GROUP), []);
    });
}

/// A killed scope has no groups; its supervisor starts it again, and the same handle means it.
#[test]
fn a_supervised_scope_comes_back_empty() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let scope = Scope::new(DEFAULT_SCOPE);
        let child = scope.child();
        Supervisor::one_for_one().child(child).start_link(&mut cx).await.unwrap();
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        let before = cx.processes().whereis(&DEFAULT_SCOPE).unwrap();
        cx.exit(before, ExitReason::Kill);
        settle(&cx).await;
        assert_ne!(cx.processes().whereis(&DEFAULT_SCOPE), Some(before));
        assert_eq!(scope.members(&GROUP), []);
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        assert_eq!(scope.members(&GROUP), [cx.pid()]);
    });
}

/// A linked scope ends with its parent.
#[test]
fn a_linked_scope_ends_with_its_parent() {
    each_seed(|cx| async move {
        let scope = Scope::new(DEFAULT_SCOPE);
        let of_parent = scope.clone();
        let parent = |mut cx: Cx<Term>| async move {
            of_parent.start_link(&mut cx).await.unwrap();
            cx.recv().await;
            ExitReason::from(atom("gone"))
        };
        let parent = cx.spawn(parent).unwrap();
        settle(&cx).await;
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        cx.send(parent, Term::Nil).unwrap();
        settle(&cx).await;
        assert_eq!(cx.processes().whereis(&DEFAULT_SCOPE), None);
        assert_eq!(scope.members(&GROUP), []);
    });
}

/// The limits of a scope count on both sides.
#[test]
fn limits() {
    each_seed(|cx| async move {
        let limits = GroupLimits { memberships: 2, monitors: 1, ..GroupLimits::default() };
        let scope = Scope::with_limits(DEFAULT_SCOPE, limits);
        scope.start().await.unwrap();
        let me = cx.pid();
        let full = Err(CallError::App(GroupError::TooManyMemberships(2)));
        assert_eq!(scope.join(GROUP, [me, me, me]).await, full);
        assert_eq!(scope.join(GROUP, [me, me]).await, Ok(()));
        assert_eq!(scope.join("other", [me]).await, full);
        let (monitor, _) = scope.monitor(GROUP).await.unwrap();
        let watched = scope.monitor_scope().await;
        assert_eq!(watched, Err(CallError::App(GroupError::TooManyMonitors(1))));
        let mut cx = cx;
        assert_eq!(scope.demonitor(&mut cx, monitor).await, Ok(true));
        assert!(scope.monitor_scope().await.is_ok());
    });
}

/// A scope answers system messages, and shows its groups.
#[test]
fn shows_its_groups() {
    each_seed(|cx| async move {
        let scope = started("shown").await;
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        let state = sys::get_state(&scope).await.unwrap();
        assert_eq!(state, Term::map([(GROUP, Term::list([Term::Pid(cx.pid())]))]));
    });
}

/// Many processes join, are read and end on several threads at once; none is left, and none was read that had not
/// joined.
#[test]
fn many_join_and_end_at_once() {
    on_threads(|mut cx| async move {
        let scope = started("crowd").await;
        let (_, before) = scope.monitor(GROUP).await.unwrap();
        assert_eq!(before, []);
        for _ in 0..200 {
            let scope = scope.clone();
            let join_and_end = move |cx: Cx<Term>| async move {
                scope.join(GROUP, [cx.pid(), cx.pid()]).await.unwrap();
                assert_eq!(scope.members(&GROUP).iter().filter(|pid| **pid == cx.pid()).count(), 2);
            };
            cx.spawn::<Term, _, _>(join_and_end).unwrap();
        }
        let mut left = 0;
        while left < 400 {
            let Mail::Message(term) = cx.recv().await else { panic!("nothing else is sent") };
            let event = engset_otp::groups::GroupEvent::from_term(&term).unwrap();
            if event.what == engset_otp::groups::Membership::Left {
                left += event.pids.len();
            }
        }
        assert_eq!(scope.members(&GROUP), []);
        assert_eq!(scope.which_groups(), []);
    });
}
