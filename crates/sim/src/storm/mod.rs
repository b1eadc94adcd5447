//! A random workload over three nodes: whatever processes can do to each other, while the network fails.

mod worker;

use crate::check::{self, Fault};
use crate::ledger::SharedLedger;
use crate::world::World;
use engset_node::Node;
use engset_process::{ControlSignal, Dest, ExitReason, SpawnOptions};
use engset_term::{Pid, Term};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use worker::{Op, Order, worker};

/// What happens between two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// How many things are done.
    pub operations: u32,
    /// Processes on each node at the beginning.
    pub workers: usize,
}

impl Default for Storm {
    fn default() -> Self {
        Self { operations: 250, workers: 3 }
    }
}

/// How long the world is left alone before the checks: longer than it takes to notice a silent peer, twice.
const QUIET: Duration = Duration::from_secs(160);

/// A storm that left a fault behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed that makes it again.
    pub seed: u64,
    /// What does not hold.
    pub fault: Fault,
    /// All that happened, with the time.
    pub transcript: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ENGSET_SEED={}: {}", self.seed, self.fault)
    }
}

impl std::error::Error for Failure {}

/// Runs a storm from `seed` and checks what is left; the trace.
///
/// # Errors
/// The first fault found.
pub fn run(seed: u64, storm: Storm) -> Result<u64, Box<Failure>> {
    let mut world = World::new(seed);
    let nodes = ["a@sim", "b@sim", "c@sim"].map(|name| world.start(name));
    let mut weather = Weather { world: &world, nodes, ledger: SharedLedger::default(), pids: Vec::new() };
    for node in 0..3 {
        for _ in 0..storm.workers {
            weather.spawn(node);
        }
    }
    for _ in 0..storm.operations {
        weather.one();
    }
    match world_at_rest(weather) {
        Ok(()) => Ok(world.trace()),
        Err(fault) => Err(Box::new(Failure { seed, fault, transcript: world.transcript() })),
    }
}

fn world_at_rest(weather: Weather<'_>) -> Result<(), Fault> {
    let Weather { world, nodes, ledger, .. } = weather;
    world.heal_all();
    world.run_for(QUIET);
    check::relations(world, &ledger.lock())?;
    for node in &nodes {
        node.processes().kill_all();
    }
    world.run_for(QUIET);
    check::nothing_leaks(world, 0)
}

struct Weather<'a> {
    world: &'a World,
    nodes: [Arc<Node>; 3],
    ledger: SharedLedger,
    /// Everybody who was ever there: the dead are worth talking to as well.
    pids: Vec<Pid>,
}

impl Weather<'_> {
    fn one(&mut self) {
        match self.world.draw(100) {
            0..=3 => self.spawn_somewhere(),
            4..=33 => self.order(Op::Send),
            34..=48 => self.order(Op::Link),
            49..=56 => self.order(Op::Unlink),
            57..=69 => self.order(Op::Monitor),
            70..=75 => self.order(Op::Demonitor),
            76..=79 => self.order(Op::Exit),
            80..=81 => self.order(Op::Stop),
            82..=83 => self.kill(),
            84..=86 => self.between(|world, a, b| world.partition(a, b)),
            87..=91 => self.between(World::heal),
            92..=93 => self.between(World::cut),
            94..=98 => self.world.run_for(Duration::from_micros(self.world.draw(5_000))),
            _ => self.world.run_for(Duration::from_secs(self.world.draw(90))),
        }
        if self.world.draw(3) == 0 {
            self.world.run_for(Duration::from_micros(self.world.draw(1_500)));
        }
    }

    fn spawn_somewhere(&mut self) {
        let node = self.pick(3);
        self.spawn(node);
    }

    fn spawn(&mut self, node: usize) {
        let ledger = Arc::clone(&self.ledger);
        let traps = self.world.draw(4) != 0;
        let spawned =
            self.nodes[node].processes().spawn(SpawnOptions::default(), move |cx| worker(cx, ledger, traps));
        if let Ok(addr) = spawned {
            self.pids.push(addr.pid());
        }
    }

    fn order(&self, make: fn(Pid) -> Op) {
        let (who, whom) = (self.pick_pid(), self.pick_pid());
        if let Some(node) = self.nodes.iter().find(|node| node.name() == who.node()) {
            self.world.note(format!("{who} is told: {:?}", make(whom)));
            // A dead process takes no orders.
            drop(node.processes().send(who, &Dest::Pid(who), Order::Do(make(whom))));
        }
    }

    fn kill(&self) {
        let (who, whom) = (self.pick_pid(), self.pick_pid());
        if let Some(node) = self.nodes.iter().find(|node| node.name() == who.node()) {
            self.world.note(format!("{who} kills {whom}"));
            let signal = ControlSignal::Exit { from: who, reason: ExitReason::Kill };
            node.processes().signal(who, &Dest::Pid(whom), signal);
        }
    }

    fn between(&self, act: impl Fn(&World, &Node, &Node)) {
        let (a, b) = [(0, 1), (0, 2), (1, 2)][self.pick(3)];
        act(self.world, &self.nodes[a], &self.nodes[b]);
    }

    fn pick_pid(&self) -> Pid {
        self.pids[self.pick(self.pids.len())]
    }

    fn pick(&self, below: usize) -> usize {
        usize::try_from(self.world.draw(below as u64)).unwrap_or(0)
    }
}

/// The reason of exit signals that workers send.
fn pushed() -> ExitReason {
    ExitReason::from_term(Term::atom("pushed"))
}
