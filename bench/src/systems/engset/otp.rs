//! Supervisors and timers.

use super::basics::{Sum, count};
use super::start;
use crate::driver::{self, Item};
use crate::row::Row;
use crate::stopwatch::Stopwatch;
use crate::workload::{RESTARTS_MAX, RESTARTS_PERIOD_S};
use ::tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use engset::prelude::*;
use std::time::Duration;

pub(super) async fn restart(cx: Cx<Term>, row: Row) -> f64 {
    let (started, starts) = unbounded_channel();
    let period = Duration::from_secs(RESTARTS_PERIOD_S);
    Supervisor::one_for_one()
        .intensity(RESTARTS_MAX, period)
        .child(Child::server("child", move || Starter { started: started.clone() }))
        .start()
        .await
        .expect("its child starts");
    driver::restart(row, move |child| cx.exit(child, ExitReason::Kill), starts).await
}

/// Says that it starts.
struct Starter {
    started: UnboundedSender<Pid>,
}

#[server]
impl Starter {
    #[init]
    fn say_so(&mut self, cx: &mut Cx<StarterMsg>) {
        self.started.send(cx.pid()).expect("the measuring task lives");
    }
}

pub(super) async fn stop_children(mut cx: Cx<Term>) -> f64 {
    let children = Row::StopChildren.ops();
    let supervisor = Supervisor::dynamic().start_link(&mut cx).await.expect("it starts");
    let child = Child::server("child", Sum::default);
    for _ in 0..children {
        supervisor.start_child(child.clone()).await.expect("the child starts");
    }
    cx.trap_exit(true);
    let stopwatch = Stopwatch::start();
    cx.exit(supervisor.pid(), ExitReason::Shutdown);
    match cx.recv().await {
        Mail::Exit(exit) if exit.from == supervisor.pid() => stopwatch.ns_per_op(children),
        mail => panic!("the supervisor's end is told of, not {mail:?}"),
    }
}

pub(super) async fn timers(cx: Cx<Term>) -> f64 {
    let (done, finished) = unbounded_channel();
    let receiver = start(cx.processes(), |cx| count(cx, done));
    let expect = move |count| receiver.send(Item::Expect(count)).expect("the receiver lives");
    let set = move |delay| {
        // It is not to be cancelled.
        drop(cx.send_after(delay, receiver, Item::Number(1)));
    };
    driver::timers(expect, set, finished).await
}
