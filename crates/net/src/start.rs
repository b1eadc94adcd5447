//! Starting a node on real sockets: listener, EPMD registration, accepting, and stopping again.

mod error;
#[cfg(feature = "quic")]
mod quic;

pub use error::{SetCookieError, StartNodeError};

use crate::carrier::{Carrier, Listener, TlsConfig};
#[cfg(feature = "quic")]
use crate::carrier::{Quic, offer};
use crate::clock;
use crate::connect::{Dialler, Step};
use crate::dial_steps::DialSteps;
use crate::finding::{Finding, addresses};
use crate::handshakes::{Handshakes, accept};
use crate::random;
use crate::registration::{EpmdPlace, Registered, keep_registered, register};
use engset_dist::epmd::NodeEntry;
use engset_dist::handshake::{Cookie, CookieError};
use engset_node::{AdmissionCounts, Functions, Global, Node, NodeConfig, TooManyEntries};
use engset_process::{BlockOnError, Cx, Processes, Scheduler, ThreadsConfig};
use engset_term::{NodeName, Term};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long the processes get to end when the node stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A node to be started.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct NodeBuilder {
    name: Option<String>,
    /// The host of a node that gets its name from a peer.
    host: Option<String>,
    /// Whether peers can connect to it.
    listens: bool,
    /// Does not print.
    cookie: Option<Result<Cookie, CookieError>>,
    visible: bool,
    threads: Option<ThreadsConfig>,
    listen: Option<IpAddr>,
    finding: Finding,
    carrier: Carrier,
    /// Beside TLS, QUIC.
    #[cfg(feature = "quic")]
    quic: bool,
    tcp_ports: RangeInclusive<u16>,
    adjust: Vec<Adjust>,
}

/// One change of a node's settings.
#[derive(Clone)]
struct Adjust(Arc<dyn Fn(&mut NodeConfig) + Send + Sync>);

impl fmt::Debug for Adjust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adjust")
    }
}

impl Default for NodeBuilder {
    fn default() -> Self {
        Self {
            name: None,
            host: None,
            listens: true,
            cookie: None,
            visible: false,
            threads: None,
            listen: None,
            finding: Finding::Epmd(crate::epmd::tcp_port()),
            carrier: Carrier::Tcp,
            #[cfg(feature = "quic")]
            quic: false,
            tcp_ports: 0..=0,
            adjust: Vec::new(),
        }
    }
}

impl NodeBuilder {
    /// Names the node `name@host`, so that others can reach it. Without a name it is alone.
    pub fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), host: None, ..self }
    }

    /// Lets the first peer that the node is [connected](Node::connect) to name it, as `erl -name undefined@HOST` does:
    /// the name is one that nobody else has, `...@host`. For a program that joins a cluster for a while, and any number
    /// of them on one machine.
    ///
    /// As in OTP such a node is hidden, listens nowhere and has no EPMD, makes a connection only where it is told to, and
    /// has the name for as long as the connection that it came over is up: with it go its other connections, and the
    /// next one brings another name. While it has none, [`Node::name`] is `nonode@nohost`; a second connection cannot be
    /// begun before the first is up ([`NameAwaited`](engset_node::NameAwaited)). Its own processes see it as
    /// `nonode@nohost` all the time, so that their pids outlive its names; peers see the name.
    ///
    /// ```no_run
    /// # use engset_net::RunningNode;
    /// # use engset_term::NodeName;
    /// let node = RunningNode::builder().name_from_peer("127.0.0.1").cookie("a secret").start()?;
    /// let peer = NodeName::new("shop@127.0.0.1")?;
    /// let shop = node.node().clone();
    /// node.block_on(move |_cx| async move { shop.connect_and_wait(peer).await })?.map_err(|error| error.to_string())?;
    /// println!("we are {}", node.node().name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name_from_peer(self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), name: None, ..self }
    }

    /// Listens nowhere, as `erl -dist_listen false`: the node connects to others, and none to it. It is in no EPMD.
    pub fn connect_only(self) -> Self {
        Self { listens: false, ..self }
    }

    /// Sets the secret that all nodes of the cluster share.
    pub fn cookie(self, cookie: &str) -> Self {
        Self { cookie: Some(Cookie::new(cookie)), ..self }
    }

    /// Makes the node visible: peers list it in `nodes()`, tell each other of it, and share their global names with it, as
    /// with a node that `erl -name` starts. Without, it is hidden, as by `erl -hidden`: it is connected to those only that
    /// dial it or that it dials, and its global names are its own.
    pub fn visible(self, visible: bool) -> Self {
        Self { visible, ..self }
    }

    /// Sets the number of worker threads; without, one for each processor.
    pub fn workers(self, workers: usize) -> Self {
        let threads = match self.threads {
            Some(threads) => ThreadsConfig { workers, ..threads },
            None => ThreadsConfig::new(workers),
        };
        Self { threads: Some(threads), ..self }
    }

    /// Sets all there is to say of the node's threads: how many, how long a process may keep one before the watchdog
    /// tells of it and others take its work over, how many run blocking work.
    ///
    /// ```
    /// use engset_net::RunningNode;
    /// use engset_process::ThreadsConfig;
    /// use std::time::Duration;
    ///
    /// let threads = ThreadsConfig { slice_max: Duration::from_millis(20), ..ThreadsConfig::new(3) };
    /// let node = RunningNode::builder().threads(threads).start()?;
    /// assert_eq!(node.processes().scheduler().stats().workers.len(), 3);
    /// # Ok::<(), engset_net::StartNodeError>(())
    /// ```
    pub fn threads(self, threads: ThreadsConfig) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// Sets the address to accept connections at. Without, it is the loopback address that the host part of the name
    /// stands for; a name that stands for another address is refused then. Anybody who reaches the address and knows
    /// the cookie may talk to every process of the node, and the traffic is not encrypted without [`Self::tls`].
    pub fn listen(self, listen: IpAddr) -> Self {
        Self { listen: Some(listen), ..self }
    }

    /// Sets the port of EPMD; without, `ERL_EPMD_PORT` or 4369.
    pub fn epmd_tcp_port(self, epmd_tcp_port: u16) -> Self {
        Self { finding: Finding::Epmd(epmd_tcp_port), ..self }
    }

    /// Listens at the first free port of these, for firewalls, as `inet_dist_listen_min` and `inet_dist_listen_max` do;
    /// without, at any free one. The start fails when none is free.
    pub fn tcp_ports(self, tcp_ports: RangeInclusive<u16>) -> Self {
        Self { tcp_ports, ..self }
    }

    /// Uses no EPMD: the node listens at this port, and reaches its peers there too, as `erl -start_epmd false
    /// -erl_epmd_port PORT` does. So there is one node for each address.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), engset_net::StartNodeError> {
    /// let node = engset_net::RunningNode::builder().name("shop@10.0.0.1").cookie("a secret");
    /// let node = node.listen([10, 0, 0, 1].into()).no_epmd(4370).start()?;
    /// # Ok(()) }
    /// ```
    pub fn no_epmd(self, tcp_port: u16) -> Self {
        Self { finding: Finding::Fixed(tcp_port), ..self }
    }

    /// Speaks TLS with all peers, as `erl -proto_dist inet_tls` does; an Erlang node without it is not reached then.
    pub fn tls(self, tls: TlsConfig) -> Self {
        self.carried_by(Carrier::Tls(tls))
    }

    /// Reaches other Engset nodes of this machine by Unix sockets instead of TCP, without EPMD: each has a socket file
    /// in `dir`, which must be its owner's alone (mode 700), and is made so when it is not there. Erlang nodes are not
    /// reached then.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), engset_net::StartNodeError> {
    /// let node = engset_net::RunningNode::builder().name("shop@here").cookie("a secret");
    /// let node = node.unix_socket("/run/shop/nodes").start()?;
    /// # Ok(()) }
    /// ```
    pub fn unix_socket(self, dir: impl Into<PathBuf>) -> Self {
        self.carried_by(Carrier::Unix(dir.into()))
    }

    fn carried_by(self, carrier: Carrier) -> Self {
        Self {
            carrier,
            #[cfg(feature = "quic")]
            quic: false,
            ..self
        }
    }

    /// Changes further settings, such as limits and tick times. What is given first is done first.
    ///
    /// ```
    /// use engset_net::RunningNode;
    /// use std::time::Duration;
    ///
    /// // As `net_ticktime` is set on the other nodes of the cluster: all should have the same.
    /// let net_ticktime = Duration::from_secs(20);
    /// let node = RunningNode::builder().adjust(move |config| config.tick.net_ticktime = net_ticktime);
    /// let node = node.adjust(|config| config.connections_max = 100).start()?;
    /// assert_eq!(node.node().config().tick.net_ticktime, net_ticktime);
    /// assert_eq!(node.node().config().connections_max, 100);
    /// # Ok::<(), engset_net::StartNodeError>(())
    /// ```
    pub fn adjust(mut self, adjust: impl Fn(&mut NodeConfig) + Send + Sync + 'static) -> Self {
        self.adjust.push(Adjust(Arc::new(adjust)));
        self
    }

    /// Starts the node. Blocks the calling thread until it accepts connections.
    ///
    /// When no EPMD answers on this machine the node is one itself for as long as it runs, on the loopback and where
    /// the node listens.
    ///
    /// # Errors
    /// [`StartNodeError`]; nothing is left running then.
    pub fn start(self) -> Result<RunningNode, StartNodeError> {
        let one_each = || ThreadsConfig::new(std::thread::available_parallelism().map_or(1, Into::into));
        let threads = self.threads.clone().unwrap_or_else(one_each);
        let scheduler = Scheduler::threads_with(threads).map_err(StartNodeError::System)?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let for_start = scheduler.clone();
        scheduler.spawn_task(async move {
            // The starting thread waits for exactly this.
            drop(sender.send(self.bring_up(for_start).await));
        });
        let started =
            receiver.recv().unwrap_or_else(|_| Err(StartNodeError::Kernel("start was cut off".to_owned())));
        match started {
            Ok(up) => Ok(RunningNode {
                node: up.node,
                scheduler,
                keeper: up.keeper,
                handshakes: up.handshakes,
                steps: up.steps,
                #[cfg(feature = "quic")]
                quic: up.quic,
            }),
            Err(error) => {
                stop_scheduler(&scheduler);
                Err(error)
            }
        }
    }

    async fn bring_up(self, scheduler: Scheduler) -> Result<Up, StartNodeError> {
        let salt = random::number().map_err(StartNodeError::System)?;
        if let Some(host) = self.host.clone() {
            // Any name at this host will do.
            NodeName::new(&format!("n@{host}")).map_err(StartNodeError::Name)?;
            return self.bring_up_unheard(NodeName::NONODE, Some(host), salt, scheduler).await;
        }
        let Some(name) = &self.name else {
            // Alone: nobody answers at port 0.
            let (carrier, steps) = (Carrier::Tcp, Arc::<DialSteps>::default());
            let network = Arc::new(Dialler { carrier, finding: Finding::Epmd(0), steps: Arc::clone(&steps) });
            let cookie = Cookie::new("nocookie").map_err(StartNodeError::Cookie)?;
            let mut config = NodeConfig::new(NodeName::NONODE, 1, cookie, salt);
            self.adjust.iter().for_each(|adjust| adjust.0(&mut config));
            let handshakes = Arc::new(Handshakes::new(scheduler.clone(), config.admission));
            let node = Node::new(config, scheduler, network);
            return Ok(Up::new(node, None, handshakes, steps));
        };
        let name = NodeName::new_own(name).map_err(StartNodeError::Name)?;
        if !self.listens {
            return self.bring_up_unheard(name, None, salt, scheduler).await;
        }
        let cookie = self.cookie.clone().ok_or(StartNodeError::NoCookie)?.map_err(StartNodeError::Cookie)?;
        let (listen, listener) = self.listen_as(name, &scheduler).await?;
        #[cfg(feature = "quic")]
        let udp_port = self.udp_port(listen, &listener)?;
        #[cfg(feature = "quic")]
        let extra = udp_port.as_ref().map_or(Ok(Vec::new()), |port| port.number().map(offer));
        #[cfg(feature = "quic")]
        let extra = extra.map_err(StartNodeError::System)?;
        #[cfg(not(feature = "quic"))]
        let extra = Vec::new();
        let presence = self.presence(name, (listen, &listener), extra, &scheduler).await?;
        let creation = match presence.as_ref().map_or(0, |presence| presence.registered.registration.creation)
        {
            // Values below four have other meanings; the old protocol has no others.
            0..=3 => random::creation().map_err(StartNodeError::System)?,
            creation => creation,
        };
        let mut config = NodeConfig::new(name, creation, cookie, salt);
        config.visible = self.visible;
        self.adjust.iter().for_each(|adjust| adjust.0(&mut config));
        #[cfg(feature = "quic")]
        let (carrier, quic) = quic::with_quic(self.carrier, (self.quic, udp_port), &config, &scheduler)?;
        #[cfg(not(feature = "quic"))]
        let carrier = self.carrier;
        let (finding, steps) = (self.finding, Arc::<DialSteps>::default());
        let network = Arc::new(Dialler { carrier: carrier.clone(), finding, steps: Arc::clone(&steps) });
        let handshakes = Arc::new(Handshakes::new(scheduler.clone(), config.admission));
        let node = Node::new(config, scheduler.clone(), network);
        node.processes().set_started_at(clock::started_at(&scheduler));
        node.processes().set_utc_offset(clock::utc_offset);
        node.start_kernel().await.map_err(|error| StartNodeError::Kernel(error.to_string()))?;
        #[cfg(feature = "quic")]
        if let Some(quic) = &quic {
            let listener = Listener::Quic(Arc::clone(quic));
            let (carrier, node) = (carrier.clone(), Arc::clone(&node));
            scheduler.spawn_task(accept(listener, carrier, node, Arc::clone(&handshakes)));
        }
        scheduler.spawn_task(accept(listener, carrier, Arc::clone(&node), Arc::clone(&handshakes)));
        let keeper = presence.map(|presence| {
            let (gone, stop) = tokio::sync::oneshot::channel();
            let Presence { epmd, entry, registered } = presence;
            scheduler.spawn_task(keep_registered(epmd, entry, registered, scheduler.clone(), stop));
            Keeper { _gone: gone }
        });
        let up = Up::new(node, keeper, handshakes, steps);
        #[cfg(feature = "quic")]
        let up = Up { quic, ..up };
        Ok(up)
    }

    /// A node that listens nowhere; `host` is that of one which gets its name from a peer.
    async fn bring_up_unheard(
        self,
        name: NodeName,
        host: Option<String>,
        salt: u64,
        scheduler: Scheduler,
    ) -> Result<Up, StartNodeError> {
        let creation = match &host {
            Some(_) => 1,
            None => random::creation().map_err(StartNodeError::System)?,
        };
        if let (None, Carrier::Tls(tls)) = (&host, &self.carrier) {
            tls.check_own(name).map_err(StartNodeError::Certificate)?;
        }
        let cookie = self.cookie.clone().ok_or(StartNodeError::NoCookie)?.map_err(StartNodeError::Cookie)?;
        let mut config = NodeConfig::new(name, creation, cookie, salt);
        config.visible = self.visible && host.is_none();
        config.asks_for_name_at = host;
        self.adjust.iter().for_each(|adjust| adjust.0(&mut config));
        #[cfg(feature = "quic")]
        let (carrier, quic) = quic::with_quic(self.carrier, (self.quic, None), &config, &scheduler)?;
        #[cfg(not(feature = "quic"))]
        let carrier = self.carrier;
        let (finding, steps) = (self.finding, Arc::<DialSteps>::default());
        let network = Arc::new(Dialler { carrier, finding, steps: Arc::clone(&steps) });
        let handshakes = Arc::new(Handshakes::new(scheduler.clone(), config.admission));
        let node = Node::new(config, scheduler, network);
        node.processes().set_started_at(clock::started_at(node.processes().scheduler()));
        node.processes().set_utc_offset(clock::utc_offset);
        node.start_kernel().await.map_err(|error| StartNodeError::Kernel(error.to_string()))?;
        let up = Up::new(node, None, handshakes, steps);
        #[cfg(feature = "quic")]
        let up = Up { quic, ..up };
        Ok(up)
    }

    /// Where the node `name` listens, and listens there.
    async fn listen_as(
        &self,
        name: NodeName,
        scheduler: &Scheduler,
    ) -> Result<(IpAddr, Listener), StartNodeError> {
        if let Carrier::Tls(tls) = &self.carrier {
            tls.check_own(name).map_err(StartNodeError::Certificate)?;
        }
        let listen = match (self.listen, &self.carrier) {
            (Some(listen), _) => listen,
            (None, Carrier::Unix(_)) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            (None, _) => loopback(scheduler, &name.host_part()).await?,
        };
        let tcp_ports = match self.finding {
            Finding::Fixed(tcp_port) => tcp_port..=tcp_port,
            Finding::Epmd(_) => self.tcp_ports.clone(),
        };
        let listener = self.carrier.listen(name, listen, tcp_ports);
        let listener = listener.map_err(|error| match &self.carrier {
            Carrier::Unix(path) => StartNodeError::SocketDir { path: path.clone(), error },
            _ => StartNodeError::System(error),
        })?;
        Ok((listen, listener))
    }

    /// Makes the node known to the EPMD of its machine, where one is used.
    async fn presence(
        &self,
        name: NodeName,
        (listen, listener): (IpAddr, &Listener),
        extra: Vec<u8>,
        scheduler: &Scheduler,
    ) -> Result<Option<Presence>, StartNodeError> {
        let tcp_port = listener.tcp_port().map_err(StartNodeError::System)?;
        let (Finding::Epmd(epmd_tcp_port), Some(tcp_port)) = (self.finding, tcp_port) else {
            return Ok(None);
        };
        let entry = NodeEntry { extra, ..NodeEntry::new(&name.name_part(), tcp_port) };
        let epmd = EpmdPlace { tcp_port: epmd_tcp_port, listen };
        let registered = register(epmd, &entry, scheduler).await.map_err(StartNodeError::Epmd)?;
        Ok(Some(Presence { epmd, entry, registered }))
    }
}

/// A node that has come up.
struct Up {
    node: Arc<Node>,
    keeper: Option<Keeper>,
    handshakes: Arc<Handshakes>,
    steps: Arc<DialSteps>,
    #[cfg(feature = "quic")]
    quic: Option<Arc<Quic>>,
}

impl Up {
    fn new(
        node: Arc<Node>,
        keeper: Option<Keeper>,
        handshakes: Arc<Handshakes>,
        steps: Arc<DialSteps>,
    ) -> Self {
        Self {
            node,
            keeper,
            handshakes,
            steps,
            #[cfg(feature = "quic")]
            quic: None,
        }
    }
}

/// What the EPMD of this machine knows of the node.
struct Presence {
    epmd: EpmdPlace,
    entry: NodeEntry,
    registered: Registered,
}

/// The loopback address that `host` stands for.
async fn loopback(scheduler: &Scheduler, host: &str) -> Result<IpAddr, StartNodeError> {
    let found = addresses(scheduler, host).await.map_err(StartNodeError::Host)?;
    // Peers try the first before the others.
    match found.first() {
        Some(address) if !address.is_loopback() => {
            Err(StartNodeError::NotLoopback { host: host.to_owned(), address: *address })
        }
        first => Ok(first.copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))),
    }
}

/// Ends the registration when dropped.
#[derive(Debug)]
struct Keeper {
    _gone: tokio::sync::oneshot::Sender<()>,
}

/// A node that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct RunningNode {
    node: Arc<Node>,
    scheduler: Scheduler,
    keeper: Option<Keeper>,
    handshakes: Arc<Handshakes>,
    steps: Arc<DialSteps>,
    #[cfg(feature = "quic")]
    quic: Option<Arc<Quic>>,
}

impl RunningNode {
    /// A node to be started: name, cookie and settings.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// At which step the attempt to connect to `peer` is, for who does not wait for its end; `None` where there is none,
    /// or it has come to the handshake.
    ///
    /// ```
    /// use engset_net::RunningNode;
    /// use engset_term::NodeName;
    ///
    /// let node = RunningNode::builder().start()?;
    /// assert_eq!(node.dial_step(NodeName::new("shop@10.0.0.7")?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dial_step(&self, peer: NodeName) -> Option<Step> {
        self.steps.of(peer)
    }

    /// What peers may call on this node.
    #[must_use]
    pub fn functions(&self) -> &Functions {
        self.node.functions()
    }

    /// The node's processes.
    #[must_use]
    pub fn processes(&self) -> &Arc<Processes> {
        self.node.processes()
    }

    /// The names and locks that the nodes of a cluster agree on. Without a name of its own the node has none.
    #[must_use]
    pub fn global(&self) -> &Global {
        self.node.global()
    }

    /// How many incoming connections lost their place during their handshake to a newer one, see
    /// [`AdmissionConfig`](engset_node::AdmissionConfig).
    #[must_use]
    pub fn handshakes_evicted(&self) -> u64 {
        self.admission().evicted
    }

    /// How many incoming connections are in the middle of their handshake.
    #[must_use]
    pub fn handshakes_open(&self) -> usize {
        self.handshakes.open()
    }

    /// What those did who came in and had not proven who they are: how many failed, guessed, were evicted or refused.
    ///
    /// ```
    /// let node = engset_net::RunningNode::builder().start()?;
    /// assert_eq!(node.admission().refused, 0);
    /// # Ok::<(), engset_net::StartNodeError>(())
    /// ```
    #[must_use]
    pub fn admission(&self) -> AdmissionCounts {
        self.handshakes.counts()
    }

    /// Runs `body` as a process of the node and waits for what it returns. Blocks the calling thread.
    ///
    /// # Errors
    /// [`BlockOnError`] when the process could not be started or ended early.
    pub fn block_on<T, B, F>(&self, body: B) -> Result<T, BlockOnError>
    where
        T: Send + 'static,
        B: FnOnce(Cx<Term>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.processes().block_on(body)
    }

    /// Sets the secret shared with `peer` alone, from the next handshake on; with the node's own name, the one shared with
    /// all peers that have none of their own (`erlang:set_cookie/2`).
    ///
    /// ```
    /// use engset_net::RunningNode;
    /// use engset_term::NodeName;
    ///
    /// let node = RunningNode::builder().start()?;
    /// node.set_cookie(NodeName::new("billing@10.0.0.7").expect("name@host"), "theirs")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetCookieError`]; the cookies are as before then.
    pub fn set_cookie(&self, peer: NodeName, cookie: &str) -> Result<(), SetCookieError> {
        let cookie = Cookie::new(cookie).map_err(SetCookieError::Cookie)?;
        self.node.set_cookie(peer, cookie).map_err(SetCookieError::from)
    }

    /// Adds to the list of those who may connect, see [`Node::allow`].
    ///
    /// # Errors
    /// When the list would have too many entries; it is as before then.
    pub fn allow(&self, entries: &[&str]) -> Result<(), TooManyEntries> {
        self.node.allow(entries)
    }

    /// Stops the node: its name is freed, its processes are killed, its connections cut, its threads ended.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.keeper.take();
        let processes = Arc::clone(self.processes());
        processes.kill_all();
        let (done, ended) = mpsc::sync_channel::<()>(1);
        let scheduler = self.scheduler.clone();
        self.scheduler.spawn_task(async move {
            while processes.count() > 0 {
                scheduler.sleep(Duration::from_millis(1)).await;
            }
            drop(done);
        });
        // Processes that do not yield are given up on. The other end is dropped, never sent to.
        if ended.recv_timeout(STOP_PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the node stops although some of its processes have not ended");
        }
        self.node.disconnect_all();
        #[cfg(feature = "quic")]
        self.end_quic();
        stop_scheduler(&self.scheduler);
    }
}

fn stop_scheduler(scheduler: &Scheduler) {
    if let Scheduler::Threads(threads) = scheduler {
        threads.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use super::NodeBuilder;

    #[test]
    fn a_builder_does_not_print_its_cookie() {
        for cookie in ["hush", "", "no\ncookie"] {
            let told = format!("{:?}", NodeBuilder::default().name("a@h").cookie(cookie));
            assert!(!told.contains("hush") && !told.contains("no\\n") && told.contains("a@h"), "{told}");
        }
    }
}
