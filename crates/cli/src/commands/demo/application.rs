//! What runs on each node of the demo: a counter, a pool of workers, a process that crashes, and a roll call.

use super::report::{PERIOD_S, RESTARTS_MAX, Report};
use super::restarts::Restarts;
use engset::prelude::*;
use engset::{Dest, NodeName, Reference};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many workers a pool has.
const WORKERS: u64 = 4;
/// Up to where primes are counted; more would keep a worker busy for long.
const RUN_MAX: u64 = 5_000_000;
/// How many numbers are sieved before others get their turn.
const SLICE: usize = 100_000;
/// How long the roll call waits for an answer, and before it asks an absent node again.
const ROLL_CALL_PATIENCE: Duration = Duration::from_secs(1);

const COUNTER: Atom = Atom::from_static("counter");

/// The application, ready to be started.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) restarts: Restarts,
    /// How often `flaky` crashes.
    pub(crate) period: Duration,
    /// The nodes on which the roll is called; none: no roll call.
    pub(crate) peers: Vec<NodeName>,
}

impl Application {
    /// The supervision tree.
    pub(crate) fn supervisor(self) -> Supervisor {
        let Self { restarts, period, peers } = self;
        let (for_counter, for_flaky, for_pool) = (restarts.clone(), restarts.clone(), restarts.clone());
        let counter = move || Counter { value: 0, restarts: for_counter.clone() };
        let flaky = move || {
            let restarts = for_flaky.clone();
            move |cx| flaky(cx, restarts, period)
        };
        let tree = supervisor_with_limits(Supervisor::one_for_one())
            .named(Atom::from_static("demo"))
            .child(Child::named_server(COUNTER, counter))
            .child(Child::supervisor("pool", move || pool(&for_pool)))
            .child(Child::named_process(Atom::from_static("flaky"), flaky));
        if peers.is_empty() {
            return tree;
        }
        let roll = move || {
            let roll = RollCall { restarts: restarts.clone(), present: BTreeMap::new(), up: BTreeSet::new() };
            let peers = peers.clone();
            move |cx| roll.call(cx, peers)
        };
        tree.child(Child::named_process(Atom::from_static("roll_call"), roll))
    }
}

fn supervisor_with_limits(supervisor: Supervisor) -> Supervisor {
    let restarts = usize::try_from(RESTARTS_MAX).unwrap_or(usize::MAX);
    supervisor.intensity(restarts, Duration::from_secs(PERIOD_S))
}

struct Counter {
    value: i64,
    restarts: Restarts,
}

#[server]
impl Counter {
    #[init]
    fn init(&mut self, cx: &mut Cx<CounterMsg>) {
        self.restarts.started("counter", cx.pid());
    }

    /// Adds `by` and answers the sum.
    #[call]
    fn add(&mut self, by: i64) -> i64 {
        self.value = self.value.saturating_add(by);
        self.value
    }

    /// Answers the value.
    #[call]
    fn get(&mut self) -> i64 {
        self.value
    }

    /// Answers who holds the name now.
    #[call]
    fn who(&mut self, cx: &mut Cx<CounterMsg>) -> Pid {
        cx.pid()
    }

    /// Begins again at zero.
    #[cast]
    fn reset(&mut self) {
        self.value = 0;
    }
}

/// A dispatcher and its workers: when one of them ends, all begin anew, so that no request is waited for in vain.
fn pool(restarts: &Restarts) -> Supervisor {
    let workers = (1..=WORKERS).map(|number| {
        let (name, restarts) = (worker_name(number), restarts.clone());
        let label = name.clone();
        Child::named_server(name, move || Worker { name: label.clone(), restarts: restarts.clone() })
    });
    let dispatcher = restarts.clone();
    let dispatcher = Child::named_server(Atom::from_static("pool"), move || Pool {
        next: 0,
        restarts: dispatcher.clone(),
    });
    workers.fold(supervisor_with_limits(Supervisor::one_for_all()), Supervisor::child).child(dispatcher)
}

fn worker_name(number: u64) -> Atom {
    Atom::new(&format!("worker_{number}")).unwrap_or(Atom::from_static("worker"))
}

struct Pool {
    next: u64,
    restarts: Restarts,
}

#[server]
impl Pool {
    #[init]
    fn init(&mut self, cx: &mut Cx<PoolMsg>) {
        self.restarts.started("pool", cx.pid());
    }

    /// Answers how many primes there are up to `limit`; a worker counts them.
    #[call]
    fn run(&mut self, limit: u64, reply: Reply<Term>) {
        let worker = Service::local(worker_name(self.next % WORKERS + 1));
        self.next += 1;
        // A worker that is just being replaced is not there; the reply is dropped then, which tells the caller.
        drop(worker.send(WorkerMsg::Count(limit, reply)));
    }

    /// Answers who holds the name now.
    #[call]
    fn who(&mut self, cx: &mut Cx<PoolMsg>) -> Pid {
        cx.pid()
    }
}

struct Worker {
    name: Atom,
    restarts: Restarts,
}

#[server(local)]
impl Worker {
    #[init]
    fn init(&mut self, cx: &mut Cx<WorkerMsg>) {
        self.restarts.started(self.name.as_str(), cx.pid());
    }

    #[call]
    async fn count(&mut self, limit: u64, reply: Reply<Term>) {
        if limit > RUN_MAX {
            let why = Term::tuple([Term::atom("too_large"), Term::int(RUN_MAX)]);
            reply.send(Term::tuple([Term::atom("error"), why]));
            return;
        }
        reply.send(Term::int(primes_up_to(usize::try_from(limit).unwrap_or(usize::MAX)).await));
    }
}

/// How many primes there are up to `limit`. Others get their turn in between.
async fn primes_up_to(limit: usize) -> u64 {
    let mut is_composite = vec![false; limit + 1];
    let mut count = 0;
    for number in 2..=limit {
        if number % SLICE == 0 {
            tokio::task::yield_now().await;
        }
        if is_composite[number] {
            continue;
        }
        count += 1;
        for multiple in (number.saturating_mul(number)..=limit).step_by(number) {
            is_composite[multiple] = true;
        }
    }
    count
}

/// Lives for a while and then crashes.
async fn flaky(cx: Cx<Term>, restarts: Restarts, period: Duration) {
    restarts.started("flaky", cx.pid());
    cx.sleep(period).await;
    panic!("on purpose, after {} s", period.as_secs_f64());
}

/// Asks the counters of other nodes, and watches them.
struct RollCall {
    restarts: Restarts,
    /// The monitors of the counters that answered.
    present: BTreeMap<Reference, NodeName>,
    /// Nodes that were said to be up.
    up: BTreeSet<NodeName>,
}

impl RollCall {
    async fn call(mut self, mut cx: Cx<Term>, mut absent: Vec<NodeName>) {
        self.restarts.started("roll_call", cx.pid());
        loop {
            for node in std::mem::take(&mut absent) {
                if !self.ask(&mut cx, node).await {
                    absent.push(node);
                }
            }
            let mail = if absent.is_empty() {
                Some(cx.recv().await)
            } else {
                cx.recv_timeout(ROLL_CALL_PATIENCE).await
            };
            if let Some(Mail::Down(down)) = mail
                && let Some(node) = self.present.remove(&down.reference)
            {
                if down.reason == ExitReason::NoConnection && self.up.remove(&node) {
                    self.say(format!("{node} is down"));
                }
                absent.push(node);
            }
        }
    }

    /// Whether the counter of `node` answered.
    async fn ask(&mut self, cx: &mut Cx<Term>, node: NodeName) -> bool {
        let Ok(value) = CounterRef::at(COUNTER, node).get().timeout(ROLL_CALL_PATIENCE).await else {
            return false;
        };
        let monitor = cx.monitor(Dest::RemoteName(COUNTER, node));
        self.present.insert(monitor, node);
        if self.up.insert(node) {
            self.say(format!("{node} is up, its counter shows {value}"));
        }
        true
    }

    fn say(&self, what: String) {
        self.restarts.report(&Report::Note { who: "roll_call".to_owned(), what });
    }
}

#[cfg(test)]
mod tests;
