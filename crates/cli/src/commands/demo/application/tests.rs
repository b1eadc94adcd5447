//! The demo's application on a node that is alone.

use super::{Application, COUNTER, CounterRef, PoolRef, RUN_MAX, primes_up_to};
use crate::commands::demo::restarts::Restarts;
use engset::prelude::*;
use engset::{Dest, Node};
use std::time::Duration;

/// Runs `body` on a node on which the application runs; nothing is reported.
fn with_application<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    body: impl FnOnce(Cx<Term>) -> F + Send + 'static,
) -> T {
    let node = Node::builder().workers(1).start().expect("a node starts");
    let restarts = Restarts::default();
    restarts.silence();
    let application = Application { restarts, period: Duration::from_secs(3600), peers: Vec::new() };
    let run = move |cx: Cx<Term>| async move {
        application.supervisor().start().await.expect("the application starts");
        body(cx).await
    };
    node.block_on(run).expect("the test ends")
}

#[test]
fn the_counter_adds_answers_and_resets() {
    let answers = with_application(|_cx| async {
        let counter = CounterRef::named(COUNTER);
        let added = (counter.add(3).await, counter.add(-1).await, counter.get().await);
        counter.reset().expect("the counter is there");
        (added, counter.get().await, counter.add(i64::MAX).await, counter.add(1).await)
    });
    assert_eq!(answers, ((Ok(3), Ok(2), Ok(2)), Ok(0), Ok(i64::MAX), Ok(i64::MAX)));
}

#[test]
fn a_killed_counter_is_followed_by_one_that_begins_at_zero() {
    let (first, second, value) = with_application(|mut cx| async move {
        let counter = CounterRef::named(COUNTER);
        counter.add(3).await.expect("the counter answers");
        let first = counter.who().await.expect("the counter answers");
        let monitor = cx.monitor(Dest::Pid(first));
        cx.exit(first, ExitReason::Kill);
        cx.receive(|mail| match mail {
            Mail::Down(down) if down.reference == monitor => Ok(()),
            mail => Err(mail),
        })
        .await;
        let mut second = counter.who().await;
        while second == Err(CallError::NoProcess) {
            tokio::task::yield_now().await;
            second = counter.who().await;
        }
        (first, second, counter.get().await)
    });
    assert_ne!(Ok(first), second);
    assert_eq!(value, Ok(0));
}

#[test]
fn the_pool_counts_primes_up_to_its_limit() {
    let answers = with_application(|_cx| async {
        let pool = PoolRef::named(Atom::from_static("pool"));
        let mut answers = Vec::new();
        for limit in [0, 1, 2, 10, 100_000, RUN_MAX, RUN_MAX + 1] {
            answers.push(
                pool.run(limit).timeout(Duration::from_secs(60)).await.map(|answer| answer.to_string()),
            );
        }
        answers
    });
    let expected = ["0", "0", "1", "4", "9592", "348513", "{error,{too_large,5000000}}"];
    assert_eq!(answers, expected.map(|answer| Ok(answer.to_owned())));
}

#[test]
fn primes_are_counted_over_the_ends_of_slices() {
    let count = with_application(|_cx| primes_up_to(2 * super::SLICE));
    assert_eq!(count, 17_984);
}
