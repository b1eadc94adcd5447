//! The limits of what a machine keeps for later: as much as they say is served, one more ends the machine.

use crate::node::{Record, each_seed};
use crate::script::{Script, ScriptMsg, go, millis};
use engset_otp::gen_statem::{Step, start_link};
use engset_process::{Cx, Mail, Target};
use engset_term::Term;

/// What a script that gets `messages` does: its record, and the reason of its end, if it ended.
async fn outcome(cx: &mut Cx<Term>, messages: Vec<ScriptMsg>) -> (Vec<String>, Option<String>) {
    cx.trap_exit(true);
    let record = Record::default();
    let script = start_link(cx, None, Script::new(&record)).await.unwrap();
    for message in messages {
        script.send(message).unwrap();
    }
    let ended = match cx.recv_timeout(millis(100)).await {
        Some(Mail::Exit(exit)) => Some(exit.reason.to_string()),
        Some(mail) => panic!("{mail:?}"),
        None => None,
    };
    (record.take(), ended)
}

#[test]
fn as_many_events_are_postponed_as_the_limit_says() {
    each_seed(|mut cx| async move {
        let posts = |number: usize| ["1", "2", "3", "4"].into_iter().take(number).map(ScriptMsg::Post);
        let enough = posts(3).chain([go(|| Step::next("s1"))]).collect();
        let (record, ended) = outcome(&mut cx, enough).await;
        assert_eq!(
            (&record[6..], ended),
            (&["post 1 s1", "post 2 s1", "post 3 s1"].map(str::to_owned)[..], None)
        );
        let (record, ended) = outcome(&mut cx, posts(4).collect()).await;
        let ended = ended.unwrap();
        assert!(ended.starts_with("{system_limit,") && ended.contains("3 events postponed"), "{ended}");
        assert!(record.last().unwrap().starts_with("terminate {system_limit"), "{record:?}");
    });
}

#[test]
fn as_many_events_are_queued_as_the_limit_says() {
    each_seed(|mut cx| async move {
        let insert = |number: usize| {
            go(move || (0..number).fold(Step::keep(), |step: Step<Script>, _| step.internal("i")))
        };
        let (record, ended) = outcome(&mut cx, vec![insert(5)]).await;
        assert_eq!((record.len(), ended), (7, None));
        let (_, ended) = outcome(&mut cx, vec![insert(6)]).await;
        assert!(ended.unwrap().contains("5 events queued"));
    });
}

#[test]
fn as_many_time_outs_run_as_the_limit_says() {
    each_seed(|mut cx| async move {
        let set = |names: &'static [&'static str]| {
            go(move || {
                names.iter().fold(Step::keep(), |step: Step<Script>, name| step.timeout(name, millis(9), "t"))
            })
        };
        let (record, ended) = outcome(&mut cx, vec![set(&["a", "b", "c", "d", "e", "a"])]).await;
        assert_eq!((record.len(), ended), (7, None));
        let (_, ended) = outcome(&mut cx, vec![set(&["a", "b", "c", "d", "e", "f"])]).await;
        assert!(ended.unwrap().contains("5 events set as time-outs"));
    });
}
