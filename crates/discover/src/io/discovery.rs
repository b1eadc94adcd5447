//! The processes of discovery: one that decides, and one for each strategy, linked to it.
//!
//! A strategy's process sends `Said` to the one that decides; the node's `connect` sends it `Dialled`, and the node
//! itself `{nodeup, _}` and `{nodedown, _}`, of which the order with `Dialled` is not known: `core` allows for that.
//! The one that decides traps exits, so that a strategy that panics is told of, and ends the others when it ends.

use super::interval::INTERVAL_MIN;
use crate::candidate::{Snapshot, StrategyError, bounded};
use crate::core::{Action, Change, Core, DiscoveryConfig, Report, TooManySources};
use crate::strategy::Strategy;
use engset_net::{ConnectError, RunningNode};
use engset_node::{DialError, MonitorNodes, Node, NodeType, TooManyWatchers};
use engset_process::{
    Cx, Dest, Encoded, ExitReason, Mail, Processes, Protocol, Rejected, SpawnError, SpawnOptions,
};
use engset_term::{NodeName, Pid, Term};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Called with each change.
type Observer = Arc<dyn Fn(&Change) + Send + Sync>;

/// Discovery to be started: strategies and settings.
///
/// ```
/// use engset_discover::{Discovery, HostsFile, StaticList};
///
/// // Where both find a node, the list counts.
/// let discovery = Discovery::new()
///     .with(StaticList::new(["a@10.0.0.1"]))
///     .with_priority(10, HostsFile::new("/etc/shop/peers"));
/// # drop(discovery);
/// ```
#[must_use = "discovery does nothing until `start`"]
#[derive(Default)]
pub struct Discovery {
    strategies: Vec<(u8, Box<dyn Strategy>)>,
    config: DiscoveryConfig,
    observer: Option<Observer>,
}

/// Discovery could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartDiscoveryError {
    /// The node has no name, so it cannot connect to others.
    NoName,
    /// More strategies than discovery asks.
    TooManySources(TooManySources),
    /// Its process could not be started.
    Spawn(SpawnError),
    /// The node tells nobody else of nodes that come and go.
    TooManyWatchers(TooManyWatchers),
}

impl fmt::Display for StartDiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str(
                "this node has no name, so it cannot connect to others; give it a name and a cookie",
            ),
            Self::TooManySources(error) => fmt::Display::fmt(error, f),
            Self::Spawn(error) => write!(f, "the process of discovery could not be started: {error}"),
            Self::TooManyWatchers(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for StartDiscoveryError {}

impl Discovery {
    /// Discovery without strategies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a strategy with priority 0, the first.
    pub fn with(self, strategy: impl Strategy) -> Self {
        self.with_priority(0, strategy)
    }

    /// Adds a strategy. Of a node that several find, the one with the lowest priority counts, then the one added
    /// first; where there are more candidates than [`DiscoveryConfig::candidates_max`], it has the first places.
    pub fn with_priority(mut self, priority: u8, strategy: impl Strategy) -> Self {
        self.strategies.push((priority, Box::new(strategy)));
        self
    }

    /// Changes the settings.
    pub fn config(mut self, config: DiscoveryConfig) -> Self {
        self.config = config;
        self
    }

    /// Calls `observer` with each change, besides logging it. It runs in the process of discovery: it must not block.
    pub fn on_change(mut self, observer: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts to look for peers of `node` and to connect to them, until [`Discovering::stop`] or the node's end.
    ///
    /// # Errors
    /// [`StartDiscoveryError`]; nothing runs then.
    pub fn start(self, node: &RunningNode) -> Result<Discovering, StartDiscoveryError> {
        self.start_at(node.node())
    }

    /// As [`Discovery::start`], for a node that something else drives than sockets.
    ///
    /// # Errors
    /// As of [`Discovery::start`].
    pub fn start_at(self, node: &Arc<Node>) -> Result<Discovering, StartDiscoveryError> {
        if node.name() == NodeName::NONODE {
            return Err(StartDiscoveryError::NoName);
        }
        let mut core = Core::new(&node.name().text(), self.config, seed(node.processes()));
        for (priority, strategy) in &self.strategies {
            core.add_source(&strategy.source(), *priority).map_err(StartDiscoveryError::TooManySources)?;
        }
        let core = Arc::new(Mutex::new(core));
        let strategies = self.strategies.into_iter().map(|(_, strategy)| strategy).collect();
        let shell = Shell {
            node: Arc::downgrade(node),
            core: Arc::clone(&core),
            observer: self.observer,
            asked: BTreeMap::new(),
        };
        let options = SpawnOptions { label: Some("discovery".to_owned()), ..SpawnOptions::default() };
        let process = node.processes().spawn(options, |cx| shell.run(cx, strategies));
        let pid = process.map_err(StartDiscoveryError::Spawn)?.pid();
        if let Err(error) = node.monitor_nodes(pid, WATCHED) {
            tell(node.processes(), pid, Message::Stop);
            return Err(StartDiscoveryError::TooManyWatchers(error));
        }
        // Nodes that were connected before, and those that came meanwhile, which are told twice.
        for (name, _) in node.connected() {
            tell(node.processes(), pid, Message::Up(name.text().as_str().into()));
        }
        Ok(Discovering { core, pid, processes: Arc::clone(node.processes()) })
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<String> = self.strategies.iter().map(|(_, strategy)| strategy.source()).collect();
        f.debug_struct("Discovery")
            .field("sources", &sources)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Discovery that runs. Dropping this does not stop it.
#[derive(Debug, Clone)]
pub struct Discovering {
    core: Arc<Mutex<Core>>,
    pid: Pid,
    processes: Arc<Processes>,
}

impl Discovering {
    /// What is known now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.core.lock().report()
    }

    /// The process that decides; it ends with [`Discovering::stop`].
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Stops to look for peers; connections stay.
    pub fn stop(&self) {
        tell(&self.processes, self.pid, Message::Stop);
    }
}

const WATCHED: MonitorNodes = MonitorNodes {
    node_type: Some(NodeType::All),
    nodedown_reason: false,
    connection_id: false,
    info: engset_node::NodeInfo::List,
};

enum Message {
    /// A strategy has answered.
    Said(usize, Result<Snapshot, StrategyError>),
    /// An attempt has ended.
    Dialled(Box<str>, Result<(), String>),
    /// A node was connected before discovery began.
    Up(Box<str>),
    Stop,
}

impl Protocol for Message {
    /// Terms come from this node only, which tells of others that come and go: a peer could make discovery believe that
    /// somebody is connected, and never be dialled.
    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        if encoded.from.is_some_and(|from| from.node() == at.node()) {
            return encoded.term().map(|term| Mail::Other(Box::new(term)));
        }
        Err(Rejected::NotUnderstood("a message of another node".into()))
    }
}

/// Never waits; a process that is gone needs no message.
fn tell(processes: &Arc<Processes>, pid: Pid, message: Message) {
    drop(processes.send(pid, &Dest::Pid(pid), message));
}

/// The process that decides.
struct Shell {
    node: std::sync::Weak<Node>,
    core: Arc<Mutex<Core>>,
    observer: Option<Observer>,
    /// The strategies' processes.
    asked: BTreeMap<Pid, usize>,
}

impl Shell {
    async fn run(mut self, mut cx: Cx<Message>, strategies: Vec<Box<dyn Strategy>>) -> ExitReason {
        cx.trap_exit(true);
        let me = cx.pid();
        for (index, strategy) in strategies.into_iter().enumerate() {
            let options = SpawnOptions { label: Some(strategy.source()), ..SpawnOptions::default() };
            match cx.spawn_link(options, move |cx: Cx<Message>| ask(cx, me, index, strategy)) {
                Ok(process) => drop(self.asked.insert(process.pid(), index)),
                Err(error) => self.failed(&cx, index, &format!("its process could not be started: {error}")),
            }
        }
        loop {
            self.act(&cx);
            let due = self.core.lock().poll_timeout();
            let mail = match due {
                Some(due) => {
                    let patience = due.saturating_duration_since(cx.processes().scheduler().now());
                    cx.recv_timeout(patience).await
                }
                None => Some(cx.recv().await),
            };
            let now = cx.processes().scheduler().now();
            match mail {
                None => self.core.lock().handle_timeout(now),
                Some(Mail::Message(Message::Said(source, Ok(snapshot)))) => {
                    self.core.lock().handle_snapshot(now, source, snapshot);
                }
                Some(Mail::Message(Message::Said(source, Err(error)))) => {
                    self.core.lock().handle_failure(now, source, &error);
                }
                Some(Mail::Message(Message::Dialled(name, ended))) => {
                    self.core.lock().handle_dial(now, &name, ended);
                }
                Some(Mail::Message(Message::Up(name))) => self.up(now, &name),
                Some(Mail::Message(Message::Stop)) => return ExitReason::Shutdown,
                Some(Mail::Other(term)) => self.node_event(now, &term),
                Some(Mail::Exit(exit)) => match self.asked.remove(&exit.from) {
                    Some(index) => {
                        let why = format!("it crashed and is asked no more: {}", exit.reason);
                        self.failed(&cx, index, &why);
                    }
                    // Somebody else wants it to end.
                    None => return exit.reason,
                },
                Some(Mail::Down(_)) => {}
            }
        }
    }

    /// Takes `{nodeup, Node, _}` and `{nodedown, Node, _}`.
    fn node_event(&self, now: engset_term::Instant, term: &Term) {
        let Term::Tuple(tuple) = term else { return };
        let [event, Term::Atom(node), ..] = tuple.as_slice() else { return };
        if event.is_atom("nodeup") {
            self.core.lock().handle_up(now, node.as_str());
        } else if event.is_atom("nodedown") {
            self.core.lock().handle_down(now, node.as_str());
        }
    }

    /// Takes note of a node that was connected when discovery began, unless it has gone since.
    fn up(&self, now: engset_term::Instant, name: &str) {
        let Some(node) = self.node.upgrade() else { return };
        if node.connected().iter().any(|(connected, _)| connected.text() == name) {
            self.core.lock().handle_up(now, name);
        }
    }

    fn failed(&self, cx: &Cx<Message>, source: usize, why: &str) {
        let now = cx.processes().scheduler().now();
        self.core.lock().handle_failure(now, source, &StrategyError::new(why));
    }

    /// Does and tells what the core has decided.
    fn act(&self, cx: &Cx<Message>) {
        loop {
            let (action, change) = {
                let mut core = self.core.lock();
                (core.poll_action(), core.poll_change())
            };
            if action.is_none() && change.is_none() {
                return;
            }
            if let Some(change) = change {
                log(cx.node(), &change);
                if let Some(observer) = &self.observer {
                    observer(&change);
                }
            }
            match action {
                Some(Action::Connect(name)) => self.connect(cx, name),
                Some(Action::Disconnect(name)) => {
                    if let (Some(node), Some(peer)) = (self.node.upgrade(), NodeName::find(&name)) {
                        node.disconnect(peer);
                    }
                }
                None => {}
            }
        }
    }

    fn connect(&self, cx: &Cx<Message>, name: Box<str>) {
        let (me, processes) = (cx.pid(), Arc::clone(cx.processes()));
        match (self.node.upgrade(), NodeName::new(&name)) {
            (Some(node), Ok(peer)) => {
                // The name is wanted as long as the attempt lasts.
                let pin = peer.pin();
                node.connect(peer, move |ended| {
                    let ended = ended.map_err(|error| explain(&error));
                    tell(&processes, me, Message::Dialled(name, ended));
                    drop(pin);
                });
            }
            (_, Err(error)) => tell(&processes, me, Message::Dialled(name, Err(error.to_string()))),
            (None, Ok(_)) => {}
        }
    }
}

/// A strategy's process: asks it again and again, after errors with a back-off.
async fn ask(cx: Cx<Message>, to: Pid, index: usize, mut strategy: Box<dyn Strategy>) {
    let clock = cx.processes().scheduler().clone();
    let backoff = crate::Backoff::default();
    let mut chance = fastrand::Rng::with_seed(seed(cx.processes()));
    let mut failures = 0_u32;
    loop {
        let said = strategy.next(&clock).await;
        let wait = if said.is_ok() {
            failures = 0;
            // Also for a strategy that never waits.
            INTERVAL_MIN
        } else {
            failures = failures.saturating_add(1);
            backoff.draw(failures - 1, &mut chance)
        };
        drop(cx.send(to, Message::Said(index, said)));
        clock.sleep(wait).await;
    }
}

/// The step that failed, and what was wrong.
pub(crate) fn explain(error: &DialError) -> String {
    let text = match error.downcast_ref::<ConnectError>() {
        Some(error) => format!("{}: {error}", error.step()),
        None => error.to_string(),
    };
    bounded(&text)
}

/// A number that differs from node to node and from call to call, and is the same in a simulation.
fn seed(processes: &Processes) -> u64 {
    let mut hasher = DefaultHasher::new();
    processes.new_reference().hash(&mut hasher);
    hasher.finish()
}

fn log(node: NodeName, change: &Change) {
    match change {
        Change::Found { name, source } => tracing::info!(%node, "discovery: {source} found {name}"),
        Change::Gone { name } => tracing::info!(%node, "discovery: {name} is found no more"),
        Change::Refused(refused) => {
            tracing::info!(%node, "discovery: {} found {}, left out: {}", refused.source, refused.what, refused.why);
        }
        Change::SourceFailed { source, error } => {
            tracing::warn!(%node, "discovery: {source} has no answer, what it found stays: {error}");
        }
        Change::SourceBack { source } => tracing::info!(%node, "discovery: {source} answers again"),
        Change::Connected { name } => tracing::info!(%node, "discovery: {name} is connected"),
        Change::Lost { name } => tracing::warn!(%node, "discovery: the connection to {name} is lost"),
        Change::NotReached { name, error } => {
            tracing::warn!(%node, "discovery: {name} is not reached: {error}");
        }
    }
}
