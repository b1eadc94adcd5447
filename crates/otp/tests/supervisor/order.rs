//! The order in which children start and stop.

use crate::stage::{begin, died, each_seed, end, ids, obedient, pids, stop, up_to};
use engset_otp::{Child, Supervisor};
use engset_process::{Cx, ExitReason};
use parking_lot::Mutex;
use std::sync::Arc;

/// Ids that are not in alphabetical order.
const IDS: [&str; 5] = ["ch7", "ch3", "ch10", "ch2", "ch5"];

type Record = Arc<Mutex<Vec<String>>>;

/// A child that records its start and its end.
fn recording(id: &'static str, record: &Record) -> Child {
    let record = Arc::clone(record);
    Child::process(id, move || {
        let record = Arc::clone(&record);
        record.lock().push(format!("start {id}"));
        move |cx: Cx<crate::stage::Order>| async move {
            let reason: ExitReason = obedient(cx).await;
            record.lock().push(format!("stop {id}"));
            reason
        }
    })
}

/// Children start in their order and stop in reverse, when some of them are restarted and when the supervisor ends.
#[test]
fn order_of_children() {
    each_seed(|mut cx| async move {
        let record = Record::default();
        let supervisor = IDS.iter().fold(up_to(2, Supervisor::rest_for_one()), |supervisor, id| {
            supervisor.child(recording(id, &record))
        });
        let supervisor = begin(&mut cx, supervisor).await;
        assert_eq!(ids(supervisor).await, ["ch5", "ch2", "ch10", "ch3", "ch7"]);
        let facts = |record: &Record| std::mem::take(&mut *record.lock());
        assert_eq!(facts(&record), ["start ch7", "start ch3", "start ch10", "start ch2", "start ch5"]);
        crate::stage::settle(&cx).await;
        let before = pids(supervisor).await;
        end(&mut cx, before[2], died()).await;
        crate::stage::settle(&cx).await;
        let stops = ["stop ch10", "stop ch5", "stop ch2"];
        let starts = ["start ch10", "start ch2", "start ch5"];
        assert_eq!(facts(&record), [stops, starts].concat());
        let after = pids(supervisor).await;
        assert_eq!(after[3..], before[3..]);
        assert!(after[..3].iter().all(|pid| !before.contains(pid)));
        crate::stage::settle(&cx).await;
        stop(&mut cx, supervisor).await;
        assert_eq!(facts(&record), ["stop ch5", "stop ch2", "stop ch10", "stop ch3", "stop ch7"]);
    });
}
