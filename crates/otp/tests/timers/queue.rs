//! Calls of a process whose mailbox is long (`receive_SUITE`).

use crate::stage::{each_seed, message, on_threads};
use engset_otp::{CallTarget, Reply, timer};
use engset_process::{Addr, Cx, Mail, Protocol, Scheduler};
use engset_term::Term;
use std::time::Duration;

const CALLS: u32 = 100;

struct Echo(u64, Reply<u64>);

impl Protocol for Echo {}

fn echo(cx: &Cx<Term>) -> Addr<Echo> {
    let serve = |mut cx: Cx<Echo>| async move {
        while let Mail::Message(Echo(number, reply)) = cx.recv().await {
            reply.send(number);
        }
    };
    cx.spawn(serve).unwrap()
}

/// How long some calls take.
async fn time_calls(scheduler: &Scheduler, echo: Addr<Echo>) -> Duration {
    let calls = async move {
        for _ in 0..CALLS {
            assert_eq!(echo.call(|reply| Echo(42, reply)).await, Ok(42));
        }
    };
    timer::tc(scheduler, calls).await.0
}

/// A call takes as long however many messages wait for the caller: its answer is not looked for among them.
#[test]
fn call_with_huge_message_queue() {
    const MESSAGES: u64 = 500_000;
    const TRIES: usize = 5;
    on_threads(|mut cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        let echo = echo(&cx);
        time_calls(&scheduler, echo).await;
        let empty = time_calls(&scheduler, echo).await;
        for number in 0..MESSAGES {
            cx.send(cx.pid(), Term::from(number)).unwrap();
        }
        let mut times = Vec::new();
        for _ in 0..TRIES {
            times.push(time_calls(&scheduler, echo).await);
        }
        let huge = times.iter().min().copied().unwrap();
        assert!(huge < empty * 10, "{empty:?} with an empty mailbox, {huge:?} with a huge one");
        for number in 0..MESSAGES {
            assert_eq!(message(&mut cx).await, Term::from(number));
        }
    });
}

/// A call leaves what waits for the caller in its order.
#[test]
fn a_call_does_not_touch_the_mailbox() {
    each_seed(|mut cx| async move {
        let echo = echo(&cx);
        for number in 0..10_u64 {
            cx.send(cx.pid(), Term::from(number)).unwrap();
            assert_eq!(echo.call(|reply| Echo(number, reply)).await, Ok(number));
        }
        for number in 0..10_u64 {
            assert_eq!(message(&mut cx).await, Term::from(number));
        }
    });
}
