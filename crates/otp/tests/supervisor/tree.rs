//! A tree of supervisors.

use crate::stage::{begin, child, counts, died, each_seed, end, ids, once, pids, settle, up_to};
use engset_otp::{Child, Restart, Supervisor, SupervisorRef};
use engset_process::Addr;
use engset_term::Pid;

fn supervisor(pid: Pid) -> SupervisorRef {
    SupervisorRef::new(Addr::new(pid))
}

/// Only what ended is restarted; a supervisor that gives up is restarted with its siblings, without what was added.
#[test]
fn tree() {
    each_seed(|mut cx| async move {
        let plain = || up_to(4, Supervisor::one_for_one());
        let first = move || plain().child(child("child1")).child(child("child2"));
        let top = begin(&mut cx, up_to(4, Supervisor::one_for_all())).await;
        let sup1 = supervisor(top.start_child(Child::supervisor("supchild1", first)).await.unwrap());
        let sup2 = supervisor(top.start_child(Child::supervisor("supchild2", plain)).await.unwrap());
        let third = Child::supervisor("supchild3", plain).restart(Restart::Transient);
        top.start_child(third).await.unwrap();
        top.terminate_child("supchild3").await.unwrap();
        assert_eq!(counts(top).await, [3, 2, 3, 0]);
        let workers = pids(sup1).await;
        assert_eq!(counts(sup1).await, [2, 2, 0, 2]);
        assert_eq!(counts(sup2).await, [0; 4]);

        let child3 = sup2.start_child(once("child3")).await.unwrap();
        let child4 = sup2.start_child(child("child4")).await.unwrap();
        assert_eq!(counts(sup2).await, [2, 2, 0, 2]);
        end(&mut cx, child4, died()).await;
        assert_eq!(pids(sup1).await, workers);
        let after = pids(sup2).await;
        assert_eq!(after[1], child3);
        assert_ne!(after[0], child4);

        end(&mut cx, child3, died()).await;
        settle(&cx).await;
        assert_eq!(ids(top).await, ["supchild3", "supchild2", "supchild1"]);
        assert_eq!(counts(top).await, [3, 3, 3, 0], "the one that was stopped is started too");
        let [sup3, sup2, sup1] = pids(top).await.try_into().unwrap();
        assert_eq!(ids(supervisor(sup1)).await, ["child2", "child1"]);
        assert_eq!(counts(supervisor(sup1)).await, [2, 2, 0, 2]);
        assert_eq!(counts(supervisor(sup2)).await, [0; 4]);
        assert_eq!(counts(supervisor(sup3)).await, [0; 4]);
    });
}
