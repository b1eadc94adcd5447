//! Measures supervisors with many children: starting, listing, restarting and stopping them.
//!
//! `cargo run --release -p engset-otp --example supervisor_scale -- 1000000`, with `static`, `dynamic` or `restarts`
//! behind for one part of it.

#![expect(clippy::print_stdout, reason = "an example says what it measured")]
#![expect(clippy::expect_used, reason = "a measurement that fails says where")]

use engset_otp::{Child, Shutdown, Supervisor, SupervisorRef};
use engset_process::{Cx, ExitReason, Identity, Mail, Processes, Scheduler};
use engset_term::{Instant, NodeName, Pid, Term};
use std::time::Duration;

/// Restarts that are measured at a time.
const RESTARTS: u32 = 100_000;

async fn idle(mut cx: Cx<Term>) {
    cx.recv().await;
}

fn main() {
    let children = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse());
    let children: usize = children.expect("the argument is a number of children");
    let part = std::env::args().nth(2);
    let is_wanted = move |name: &str| part.as_deref().is_none_or(|part| part == name);
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: children + 1_000, salt: 1 };
    let scheduler = Scheduler::threads(2).expect("the system gives two threads");
    let processes = Processes::new(identity, scheduler);
    let measured = processes.block_on(move |mut cx: Cx<Term>| async move {
        cx.trap_exit(true);
        if is_wanted("static") {
            static_children(&mut cx, children).await;
        }
        if is_wanted("dynamic") {
            dynamic_children(&mut cx, children).await;
        }
        if is_wanted("restarts") {
            restarts(&mut cx).await;
        }
    });
    measured.expect("nothing fails");
}

async fn static_children(cx: &mut Cx<Term>, number: usize) {
    let specs: Vec<Child> = (0..number).map(|n| Child::process(&format!("c{n}"), || idle)).collect();
    let before = now(cx);
    let supervisor = specs.into_iter().fold(Supervisor::one_for_one(), Supervisor::child);
    let supervisor = supervisor.start_link(cx).await.expect("the children start");
    say(cx, before, number, "start a supervisor with static children");
    let before = now(cx);
    for _ in 0..1_000 {
        supervisor.count_children().await.expect("the supervisor answers");
    }
    say(cx, before, 1_000, "count them");
    let before = now(cx);
    for n in 0..1_000 {
        supervisor.terminate_child(format!("c{n}").as_str()).await.expect("it is a child");
    }
    say(cx, before, 1_000, "terminate one by id");
    stop(cx, supervisor, number - 1_000, "stop static children in order").await;
}

async fn dynamic_children(cx: &mut Cx<Term>, number: usize) {
    let supervisor = Supervisor::dynamic().start_link(cx).await.expect("it has no children yet");
    let before = now(cx);
    for _ in 0..number {
        let child = Child::process("c", || idle).shutdown(Shutdown::Timeout(Duration::from_secs(5)));
        supervisor.start_child(child).await.expect("there is room");
    }
    say(cx, before, number, "start a dynamic child by request");
    let before = now(cx);
    let listed = supervisor.which_children().no_timeout().await.expect("the supervisor answers");
    say(cx, before, listed.len(), "list dynamic children");
    stop(cx, supervisor, number, "stop dynamic children together").await;
}

async fn restarts(cx: &mut Cx<Term>) {
    let parent: Pid = cx.pid();
    let child = Child::process("c", move || {
        move |mut cx: Cx<Term>| async move {
            cx.send(parent, Term::Pid(cx.pid())).expect("the parent lives");
            cx.recv().await;
        }
    });
    let supervisor = Supervisor::one_for_one().intensity(1_000_000, Duration::from_secs(3_600));
    let supervisor = supervisor.child(child).start_link(cx).await.expect("the child starts");
    let mut pid = started(cx).await;
    for round in 1..=5 {
        let before = now(cx);
        for _ in 0..RESTARTS {
            cx.exit(pid, ExitReason::Kill);
            pid = started(cx).await;
        }
        let what = format!("restart after a kill, after {} before", (round - 1) * RESTARTS);
        say(cx, before, RESTARTS as usize, &what);
    }
    stop(cx, supervisor, 1, "stop it").await;
}

async fn started(cx: &mut Cx<Term>) -> Pid {
    loop {
        if let Mail::Message(Term::Pid(pid)) = cx.recv().await {
            return pid;
        }
    }
}

async fn stop(cx: &mut Cx<Term>, supervisor: SupervisorRef, children: usize, what: &str) {
    let before = now(cx);
    cx.exit(supervisor.pid(), ExitReason::Shutdown);
    while !matches!(cx.recv().await, Mail::Exit(exit) if exit.from == supervisor.pid()) {}
    say(cx, before, children, what);
}

fn now(cx: &Cx<Term>) -> Instant {
    cx.processes().scheduler().now()
}

fn say(cx: &Cx<Term>, before: Instant, times: usize, what: &str) {
    let taken = now(cx).saturating_duration_since(before);
    let each = taken.as_nanos() / u128::try_from(times.max(1)).unwrap_or(u128::MAX);
    println!("{what}: {times} in {taken:.2?}, {each} ns each");
}
