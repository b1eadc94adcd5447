//! Joining and leaving.

use crate::node::{atom, each_seed, on_threads, settle, with_seed};
use crate::scopes::{GROUP, member, started};
use engset_otp::CallError;
use engset_otp::groups::{GroupError, Scope};
use engset_process::{Cx, ExitReason};
use engset_term::{NodeName, Pid, Term};

fn sorted(mut pids: Vec<Pid>) -> Vec<Pid> {
    pids.sort();
    pids
}

/// Processes of other nodes are refused, and what is no message of a scope does it no harm.
#[test]
fn errors() {
    each_seed(|cx| async move {
        let scope = started("errors").await;
        let stranger = Pid::new(NodeName::new("other@host").unwrap(), 1, 1, 0);
        let refused = Err(CallError::App(GroupError::NotLocal(stranger)));
        assert_eq!(scope.join(GROUP, [cx.pid(), stranger]).await, refused);
        assert_eq!(scope.leave(GROUP, [stranger]).await, refused);
        let process = cx.processes().whereis(&atom("errors")).unwrap();
        for garbage in ["garbage", "{'$gen_cast', garbage}", "{join, a, b, c}", "{leave, 1, [], []}"] {
            cx.send(process, Term::parse(garbage).unwrap()).unwrap();
        }
        settle(&cx).await;
        assert_eq!(cx.processes().whereis(&atom("errors")), Some(process));
        assert_eq!(scope.which_groups(), []);
    });
}

/// A process joins the default scope, is found, and leaves.
#[test]
fn pg() {
    each_seed(|cx| async move {
        let scope = Scope::new(engset_otp::groups::DEFAULT_SCOPE);
        scope.start().await.unwrap();
        assert_eq!(scope.join("group", [cx.pid()]).await, Ok(()));
        assert_eq!(scope.local_members(&Term::from("group")), [cx.pid()]);
        assert_eq!(scope.which_groups(), [Term::from("group")]);
        assert_eq!(scope.which_local_groups(), [Term::from("group")]);
        assert_eq!(scope.leave("group", [cx.pid()]).await, Ok(()));
        assert_eq!(scope.which_groups(), []);
        let again = scope.leave("group", [cx.pid()]).await;
        assert_eq!(again, Err(CallError::App(GroupError::NotJoined)));
    });
}

/// A process that has ended before it leaves, or is told to leave while it ends, leaves nothing behind.
#[test]
fn leave_exit_race() {
    each_seed(|cx| async move {
        let scope = started("race").await;
        for _ in 0..20 {
            let pid = member(&cx);
            scope.join(GROUP, [pid]).await.unwrap();
            cx.exit(pid, ExitReason::Kill);
            let left = scope.leave(GROUP, [pid]).await;
            assert!(matches!(left, Ok(()) | Err(CallError::App(GroupError::NotJoined))), "{left:?}");
        }
        settle(&cx).await;
        assert_eq!(scope.which_groups(), []);
    });
}

/// A process that has ended joins and is gone at once.
#[test]
fn who_has_ended_is_no_member() {
    each_seed(|cx| async move {
        let scope = started("late").await;
        let pid = member(&cx);
        cx.exit(pid, ExitReason::Kill);
        settle(&cx).await;
        assert_eq!(scope.join(GROUP, [pid]).await, Ok(()));
        settle(&cx).await;
        assert_eq!(scope.members(&GROUP), []);
    });
}

/// Several processes join and leave in one request, and all leave when they end.
#[test]
fn single() {
    each_seed(|cx| async move {
        let scope = started("single").await;
        let (one, two) = (member(&cx), member(&cx));
        scope.join(GROUP, [one, two]).await.unwrap();
        scope.join(GROUP, []).await.unwrap();
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        assert_eq!(sorted(scope.members(&GROUP)), sorted(vec![one, two, cx.pid()]));
        scope.leave(GROUP, [one, cx.pid()]).await.unwrap();
        assert_eq!(scope.members(&GROUP), [two]);
        cx.send(two, Term::atom("normal")).unwrap();
        settle(&cx).await;
        assert_eq!(scope.members(&GROUP), []);
        assert_eq!(scope.which_groups(), []);
    });
}

/// A process that joined twice is a member twice, and leaves once or with its end twice.
#[test]
fn double() {
    each_seed(|cx| async move {
        let scope = started("double").await;
        let pid = member(&cx);
        scope.join(GROUP, [pid]).await.unwrap();
        scope.join(GROUP, [pid, pid]).await.unwrap();
        assert_eq!(scope.members(&GROUP), [pid, pid, pid]);
        scope.leave(GROUP, [pid]).await.unwrap();
        assert_eq!(scope.members(&GROUP), [pid, pid]);
        cx.send(pid, Term::atom("normal")).unwrap();
        settle(&cx).await;
        assert_eq!(scope.members(&GROUP), []);
    });
}

/// A group and a scope that are not there have no members.
#[test]
fn overlay_missing() {
    each_seed(|cx| async move {
        let (scope, other) = (started("here").await, Scope::new(atom("not_here")));
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        assert_eq!(scope.members(&Term::atom("no_group")), []);
        assert_eq!(other.members(&GROUP), []);
        assert_eq!(other.join(GROUP, [cx.pid()]).await, Err(CallError::NoProcess));
        // Scopes know nothing of each other.
        other.start().await.unwrap();
        assert_eq!(other.members(&GROUP), []);
    });
}

/// Processes of other nodes cannot be joined here, whatever they are.
#[test]
fn nolocal() {
    each_seed(|cx| async move {
        let scope = started("nolocal").await;
        let earlier = Pid::new(cx.pid().node(), cx.pid().creation() + 1, 1, 0);
        let refused = Err(CallError::App(GroupError::NotLocal(earlier)));
        assert_eq!(scope.join(GROUP, [earlier]).await, refused);
        assert_eq!(scope.members(&GROUP), []);
    });
}

/// Thousands of processes join one group and end together.
#[test]
fn thundering_herd() {
    let herd = |cx: Cx<Term>| async move {
        let scope = started("herd").await;
        let pids: Vec<Pid> = (0..5_000).map(|_| member(&cx)).collect();
        for pid in &pids {
            scope.join(GROUP, [*pid]).await.unwrap();
        }
        assert_eq!(sorted(scope.members(&GROUP)), sorted(pids.clone()));
        let (_, members) = scope.monitor(GROUP).await.unwrap();
        assert_eq!(members.len(), pids.len());
        for pid in &pids {
            cx.exit(*pid, ExitReason::Kill);
        }
        let mut cx = cx;
        for _ in &pids {
            cx.recv().await;
        }
        assert_eq!(scope.members(&GROUP), []);
    };
    with_seed(1, herd);
    on_threads(herd);
}
