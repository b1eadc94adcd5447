//! Watching groups.

use crate::node::{atom, each_seed, settle, waiting};
use crate::scopes::{GROUP, member, started};
use engset_otp::groups::{GroupEvent, Membership};
use engset_process::{Cx, ExitReason, Mail, Protocol};
use engset_term::{Pid, Reference, Term};
use std::collections::BTreeMap;

async fn event(cx: &mut Cx<Term>) -> GroupEvent {
    let Mail::Message(term) = cx.recv().await else { panic!("nothing else is sent") };
    GroupEvent::from_term(&term).unwrap()
}

fn of(monitor: Reference, what: Membership, group: Term, pids: &[Pid]) -> GroupEvent {
    GroupEvent { monitor, what, group, pids: pids.to_vec() }
}

/// Who begins to watch a scope is told who is a member already.
#[test]
fn monitor_nonempty_scope() {
    each_seed(|cx| async move {
        let scope = started("watched").await;
        let pid = member(&cx);
        scope.join(GROUP, [pid, pid]).await.unwrap();
        scope.join("other", [cx.pid()]).await.unwrap();
        let (_, groups) = scope.monitor_scope().await.unwrap();
        let expected = [(GROUP, vec![pid, pid]), (Term::from("other"), vec![cx.pid()])];
        assert_eq!(groups, BTreeMap::from(expected));
        assert_eq!(waiting(&cx), 0);
    });
}

/// Who watches a scope is told of each change in any group before the change is answered, and of the ends of members.
#[test]
fn monitor_scope() {
    each_seed(|mut cx| async move {
        let scope = started("watched").await;
        let (monitor, groups) = scope.monitor_scope().await.unwrap();
        assert_eq!(groups, BTreeMap::new());
        let (one, two) = (member(&cx), member(&cx));
        scope.join(GROUP, [one, two]).await.unwrap();
        assert_eq!(waiting(&cx), 1);
        assert_eq!(event(&mut cx).await, of(monitor, Membership::Joined, GROUP, &[one, two]));
        scope.join("other", [one]).await.unwrap();
        assert_eq!(event(&mut cx).await, of(monitor, Membership::Joined, Term::from("other"), &[one]));
        scope.leave(GROUP, [two, two]).await.unwrap();
        assert_eq!(event(&mut cx).await, of(monitor, Membership::Left, GROUP, &[two]));
        cx.send(one, Term::atom("normal")).unwrap();
        assert_eq!(event(&mut cx).await, of(monitor, Membership::Left, GROUP, &[one]));
        assert_eq!(event(&mut cx).await, of(monitor, Membership::Left, Term::from("other"), &[one]));
    });
}

/// Who watches a group is told of it only, several times if it watches several times, until it watches no more.
#[test]
fn monitor() {
    each_seed(|mut cx| async move {
        let scope = started("watched").await;
        let pid = member(&cx);
        let (first, members) = scope.monitor(GROUP).await.unwrap();
        assert_eq!(members, []);
        scope.join("other", [pid]).await.unwrap();
        scope.join(GROUP, [pid]).await.unwrap();
        assert_eq!(event(&mut cx).await, of(first, Membership::Joined, GROUP, &[pid]));
        let (second, members) = scope.monitor(GROUP).await.unwrap();
        assert_eq!(members, [pid]);
        scope.leave(GROUP, [pid]).await.unwrap();
        assert_eq!(waiting(&cx), 2);
        // What came by a monitor that is taken back is not seen any more; what is no event of it is.
        cx.send(cx.pid(), Term::atom("other")).unwrap();
        assert_eq!(scope.demonitor(&mut cx, first).await, Ok(true));
        assert_eq!(scope.demonitor(&mut cx, first).await, Ok(false));
        assert_eq!(event(&mut cx).await, of(second, Membership::Left, GROUP, &[pid]));
        let Mail::Message(term) = cx.recv().await else { panic!("nothing else is sent") };
        assert!(term.is_atom("other"));
        scope.join(GROUP, [pid]).await.unwrap();
        assert_eq!(event(&mut cx).await, of(second, Membership::Joined, GROUP, &[pid]));
        assert_eq!(scope.demonitor(&mut cx, second).await, Ok(true));
        scope.leave(GROUP, [pid]).await.unwrap();
        settle(&cx).await;
        assert_eq!(waiting(&cx), 0);
    });
}

/// A process with messages of its own is told as well, and its monitors end with it.
#[test]
fn a_process_with_a_protocol_of_its_own_watches_too() {
    struct Own;
    impl Protocol for Own {}
    each_seed(|cx| async move {
        let scope = started("watched").await;
        let (watched, pid) = (scope.clone(), cx.pid());
        let watcher = move |mut cx: Cx<Own>| async move {
            let (monitor, _) = watched.monitor(GROUP).await.unwrap();
            let Mail::Other(term) = cx.recv().await else { panic!("nothing else is sent") };
            let event = GroupEvent::from_term(&term).unwrap();
            assert_eq!(event, of(monitor, Membership::Joined, GROUP, &[pid]));
            watched.join(GROUP, [cx.pid()]).await.unwrap();
            assert_eq!(watched.demonitor(&mut cx, monitor).await, Ok(true));
            assert_eq!(cx.processes().info(cx.pid()).unwrap().message_queue_len, 0);
            ExitReason::from(atom("seen"))
        };
        let mut cx = cx;
        cx.spawn_monitor::<Own, _, _>(engset_process::SpawnOptions::default(), watcher).unwrap();
        settle(&cx).await;
        scope.join(GROUP, [cx.pid()]).await.unwrap();
        assert_eq!(crate::node::down(&mut cx).await.reason, ExitReason::from(atom("seen")));
        settle(&cx).await;
        assert_eq!(scope.members(&GROUP), [cx.pid()]);
    });
}
