//! The world: nodes by name, one seed, one clock, and the levers of fate.

use crate::facts::Fact;
use crate::ledger::Loss;
use crate::network::Fabric;
use engset_dist::handshake::Cookie;
use engset_node::{Network, Node, NodeConfig};
use engset_process::{Cx, ExitReason, Protocol, Scheduler, Seeded, SpawnError, SpawnOptions, Step, dying};
use engset_term::{Instant, NodeName, PinnedNodeName};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// How much virtual time [`World::run`] gives a process.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Nodes in one thread, in virtual time.
pub struct World {
    scheduler: Scheduler,
    seeded: Arc<Seeded>,
    fabric: Arc<Fabric>,
    nodes: BTreeMap<NodeName, Arc<Node>>,
    /// Names are kept: their order is that of their texts only while they are known.
    pins: Vec<PinnedNodeName>,
    last_creation: u32,
}

/// A process that was run for its value brought none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// It was not started.
    Spawn(SpawnError),
    /// It ended before it returned.
    Exit(ExitReason),
    /// An hour went by, or nothing can happen any more.
    Stuck,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => fmt::Display::fmt(error, f),
            Self::Exit(reason) => write!(f, "the process ended before it returned: {reason}"),
            Self::Stuck => f.write_str("the process did not return within an hour of virtual time"),
        }
    }
}

impl std::error::Error for RunError {}

impl World {
    /// A world without nodes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let seeded = match Scheduler::seeded(seed) {
            Scheduler::Seeded(seeded) => seeded,
            Scheduler::Threads(_) => unreachable!("a seeded scheduler was asked for"),
        };
        Self {
            scheduler: Scheduler::Seeded(Arc::clone(&seeded)),
            fabric: Fabric::new(Arc::clone(&seeded)),
            seeded,
            nodes: BTreeMap::new(),
            pins: Vec::new(),
            last_creation: 0,
        }
    }

    /// Starts a node, or starts one again that has crashed: each time with a new creation.
    ///
    /// # Panics
    /// When the name is no node name, or a node of this name runs.
    pub fn start(&mut self, name: &str) -> Arc<Node> {
        self.start_with(name, |_| {})
    }

    /// Like [`World::start`], with settings changed by `change`.
    ///
    /// # Panics
    /// As [`World::start`].
    pub fn start_with(&mut self, name: &str, change: impl FnOnce(&mut NodeConfig)) -> Arc<Node> {
        let name = NodeName::new(name).expect("a node name");
        assert!(!self.nodes.contains_key(&name), "{name} runs already");
        self.pins.push(name.pin());
        self.last_creation += 1;
        let cookie = Cookie::new("monster").expect("a cookie");
        let mut config = NodeConfig::new(name, self.last_creation, cookie, self.draw(1 << 62));
        change(&mut config);
        let network: Arc<dyn Network> = Arc::<Fabric>::clone(&self.fabric);
        let node = Node::new(config, self.scheduler.clone(), network);
        self.fabric.listen(&node);
        self.nodes.insert(name, Arc::clone(&node));
        node
    }

    /// The node is gone from one instant to the next: its processes end unheard, its peers see their streams end.
    pub fn crash(&mut self, node: &Arc<Node>) {
        self.note(format!("{} crashes", node.name()));
        self.fabric.crash(node.name());
        self.nodes.remove(&node.name());
        node.processes().kill_all();
    }

    /// Nothing gets through between the two from now on; neither is told.
    pub fn partition(&self, a: &Node, b: &Node) {
        self.fabric.partition(a.name(), b.name());
    }

    /// Ends a partition. What was held back arrives now.
    pub fn heal(&self, a: &Node, b: &Node) {
        self.fabric.heal(a.name(), b.name());
    }

    /// Ends all partitions.
    pub fn heal_all(&self) {
        for (a, b) in self.fabric.apart() {
            self.fabric.heal(a, b);
        }
    }

    /// Breaks all streams between the two; both see it at once.
    pub fn cut(&self, a: &Node, b: &Node) {
        self.fabric.cut(a.name(), b.name());
    }

    /// Sets between which bounds, in microseconds, latencies are drawn.
    pub fn set_latency_micros(&self, micros: RangeInclusive<u64>) {
        self.fabric.set_latency(micros);
    }

    /// How many connections there are between the two.
    #[must_use]
    pub fn connections(&self, a: &Node, b: &Node) -> usize {
        self.fabric.streams_up(a.name(), b.name())
    }

    /// The nodes that run, in order of name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> + '_ {
        self.nodes.values()
    }

    /// Lets virtual time go on by `duration`.
    pub fn run_for(&self, duration: Duration) {
        self.seeded.run_until(self.now().saturating_add(duration));
    }

    /// Runs `body` as a process of `node`, and everything else with it, until it returns.
    ///
    /// # Errors
    /// [`RunError`] when it was not started, ended early, or did not return within an hour of virtual time.
    pub fn run<M, T, B, F>(&self, node: &Node, body: B) -> Result<T, RunError>
    where
        M: Protocol,
        T: Send + 'static,
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let outcome: Arc<Mutex<Option<Result<T, ExitReason>>>> = Arc::new(Mutex::new(None));
        let witness = Witness(Arc::clone(&outcome));
        let run = move |cx: Cx<M>| async move {
            let value = body(cx).await;
            *witness.0.lock() = Some(Ok(value));
        };
        node.processes().spawn(SpawnOptions::default(), run).map_err(RunError::Spawn)?;
        let limit = self.now().saturating_add(PATIENCE);
        loop {
            if let Some(outcome) = outcome.lock().take() {
                return outcome.map_err(RunError::Exit);
            }
            match self.seeded.step() {
                Step::Ran => {}
                Step::IdleUntil(due) if due <= limit => self.seeded.advance_to(due),
                Step::IdleUntil(_) | Step::Idle => return Err(RunError::Stuck),
            }
        }
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.seeded.now()
    }

    /// A number drawn from the seed, below `bound`.
    #[must_use]
    pub fn draw(&self, bound: u64) -> u64 {
        self.seeded.draw(bound)
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seeded.seed()
    }

    /// A hash of every decision and every fact so far.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.seeded.trace()
    }

    /// Adds a line to the facts.
    pub fn note(&self, text: impl Into<String>) {
        self.fabric.fact(Fact::Note(text.into()));
    }

    /// Adds lines to the facts from inside processes.
    pub fn notebook(&self) -> impl Fn(String) + Clone + Send + Sync + 'static {
        let fabric = Arc::downgrade(&self.fabric);
        move |text| {
            if let Some(fabric) = fabric.upgrade() {
                fabric.fact(Fact::Note(text));
            }
        }
    }

    /// All facts so far.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        self.fabric.facts(|facts| facts.iter().map(|(_, fact)| fact.clone()).collect())
    }

    /// All facts so far as text, each after its time in microseconds.
    #[must_use]
    pub fn transcript(&self) -> Vec<String> {
        let line = |(at, fact): &(Instant, Fact)| format!("{:>12} {fact}", at.as_nanos() / 1_000);
        self.fabric.facts(|facts| facts.iter().map(line).collect())
    }

    /// When which node lost a stream to a peer, or did not get one.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let loss = |(at, fact): &(Instant, Fact)| match fact {
            Fact::Down { node, peer, .. } | Fact::NotReached { node, peer } => {
                Some(Loss { at: *at, node: *node, peer: *peer })
            }
            Fact::Dial { .. } | Fact::Up { .. } | Fact::Note(_) => None,
        };
        let mut losses: Vec<Loss> = self.fabric.facts(|facts| facts.iter().filter_map(loss).collect());
        // A node that gave way to its peer's attempt may lose what waits for it as long as a handshake may take.
        losses.extend(self.fabric.gave_way());
        losses
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let nodes: Vec<Arc<Node>> = self.nodes.values().cloned().collect();
        for node in &nodes {
            self.crash(node);
        }
        self.seeded.run_until(self.now());
        self.seeded.shutdown();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed()).field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Notes also that the process ended without a value.
struct Witness<T>(Arc<Mutex<Option<Result<T, ExitReason>>>>);

impl<T> Drop for Witness<T> {
    fn drop(&mut self) {
        let mut outcome = self.0.lock();
        if outcome.is_none() {
            *outcome = Some(Err(dying().unwrap_or(ExitReason::Killed)));
        }
    }
}
