//! Starting a node on real sockets: listener, EPMD registration, accepting, and stopping again.

use crate::connect::{ConnectError, addresses, dial};
use crate::driver::drive;
use crate::random;
use crate::registration::{EpmdPlace, keep_registered, register};
use engset_dist::epmd::NodeEntry;
use engset_dist::handshake::{Cookie, CookieError, Framing};
use engset_node::{Channel, Dial, Global, Network, Node, NodeConfig};
use engset_process::{BlockOnError, Cx, Processes, Scheduler, ThreadsConfig};
use engset_term::{NodeName, NodeNameError, Term};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;

/// Incoming connections that have not finished their handshake, at a time; more are closed unread.
pub const HANDSHAKES_MAX: usize = 256;
/// How long the processes get to end when the node stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A node to be started.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct NodeBuilder {
    name: Option<String>,
    cookie: Option<String>,
    visible: bool,
    threads: Option<ThreadsConfig>,
    listen: Option<IpAddr>,
    epmd_tcp_port: u16,
    adjust: Option<fn(&mut NodeConfig)>,
}

/// A node could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartNodeError {
    /// The name is not `name@host`.
    Name(NodeNameError),
    /// A node with a name needs a cookie.
    NoCookie,
    /// The cookie cannot be used.
    Cookie(CookieError),
    /// The host part of the name has no address; without [`NodeBuilder::listen`] one is needed.
    Host(ConnectError),
    /// The host part of the name stands for an address that is not the loopback, and [`NodeBuilder::listen`] was not
    /// given: nobody could reach the node by its name.
    NotLoopback {
        /// The part after the `@`.
        host: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// The operating system refused threads, random numbers or the listening socket.
    System(io::Error),
    /// EPMD refused the name, or could neither be reached nor replaced.
    Epmd(ConnectError),
    /// The node's own processes did not start.
    Kernel(String),
}

impl fmt::Display for StartNodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => write!(f, "the node's name cannot be used: {error}"),
            Self::NoCookie => {
                f.write_str("a node with a name needs a cookie, the secret that it shares with its peers")
            }
            Self::Cookie(error) => write!(f, "the cookie cannot be used: {error}"),
            Self::Host(error) => write!(f, "it is not known where the node is to listen: {error}"),
            Self::NotLoopback { host, address } => write!(
                f,
                "the name's host {host} stands for {address}, but a node listens on the loopback only unless it is told to listen at that address; tell it, or give a name at 127.0.0.1 or localhost"
            ),
            Self::System(error) => write!(f, "the operating system refused what the node needs: {error}"),
            Self::Epmd(error) => write!(f, "the node's name could not be registered: {error}"),
            Self::Kernel(error) => write!(f, "the node's own processes did not start: {error}"),
        }
    }
}

impl Error for StartNodeError {}

impl Default for NodeBuilder {
    fn default() -> Self {
        Self {
            name: None,
            cookie: None,
            visible: false,
            threads: None,
            listen: None,
            epmd_tcp_port: crate::epmd::tcp_port(),
            adjust: None,
        }
    }
}

impl NodeBuilder {
    /// Names the node `name@host`, so that others can reach it. Without a name it is alone.
    pub fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Sets the secret that all nodes of the cluster share.
    pub fn cookie(self, cookie: &str) -> Self {
        Self { cookie: Some(cookie.to_owned()), ..self }
    }

    /// Makes the node visible: peers list it in `nodes()`. Without, it is hidden.
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
    /// the cookie may talk to every process of the node, and the traffic is not encrypted.
    pub fn listen(self, listen: IpAddr) -> Self {
        Self { listen: Some(listen), ..self }
    }

    /// Sets the port of EPMD; without, `ERL_EPMD_PORT` or 4369.
    pub fn epmd_tcp_port(self, epmd_tcp_port: u16) -> Self {
        Self { epmd_tcp_port, ..self }
    }

    /// Changes further settings, such as limits and tick times.
    pub fn adjust(self, adjust: fn(&mut NodeConfig)) -> Self {
        Self { adjust: Some(adjust), ..self }
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
            Ok((node, epmd)) => Ok(RunningNode { node, scheduler, keeper: epmd }),
            Err(error) => {
                stop_scheduler(&scheduler);
                Err(error)
            }
        }
    }

    async fn bring_up(self, scheduler: Scheduler) -> Result<(Arc<Node>, Option<Keeper>), StartNodeError> {
        let salt = random::number().map_err(StartNodeError::System)?;
        let Some(name) = &self.name else {
            let cookie = Cookie::new("nocookie").map_err(StartNodeError::Cookie)?;
            let mut config = NodeConfig::new(NodeName::NONODE, 1, cookie, salt);
            self.adjust.into_iter().for_each(|adjust| adjust(&mut config));
            return Ok((Node::new(config, scheduler, Arc::new(Sockets { epmd_tcp_port: 0 })), None));
        };
        let name = NodeName::new(name).map_err(StartNodeError::Name)?;
        let cookie = self.cookie.as_deref().ok_or(StartNodeError::NoCookie)?;
        let cookie = Cookie::new(cookie).map_err(StartNodeError::Cookie)?;
        let listen = match self.listen {
            Some(listen) => listen,
            None => loopback(&scheduler, &name.host_part()).await?,
        };
        let listener = TcpListener::bind((listen, 0)).await.map_err(StartNodeError::System)?;
        let tcp_port = listener.local_addr().map_err(StartNodeError::System)?.port();
        let entry = NodeEntry::new(&name.name_part(), tcp_port);
        let epmd = EpmdPlace { tcp_port: self.epmd_tcp_port, listen };
        let registered = register(epmd, &entry, &scheduler).await.map_err(StartNodeError::Epmd)?;
        let creation = match registered.registration.creation {
            // Values below four have other meanings; the old protocol has no others.
            0..=3 => random::creation().map_err(StartNodeError::System)?,
            creation => creation,
        };
        let mut config = NodeConfig::new(name, creation, cookie, salt);
        config.visible = self.visible;
        self.adjust.into_iter().for_each(|adjust| adjust(&mut config));
        let network = Arc::new(Sockets { epmd_tcp_port: self.epmd_tcp_port });
        let node = Node::new(config, scheduler.clone(), network);
        node.start_kernel().await.map_err(|error| StartNodeError::Kernel(error.to_string()))?;
        scheduler.spawn_task(accept(listener, Arc::clone(&node)));
        let (gone, stop) = tokio::sync::oneshot::channel();
        scheduler.spawn_task(keep_registered(epmd, entry, registered, scheduler.clone(), stop));
        Ok((node, Some(Keeper { _gone: gone })))
    }
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
        stop_scheduler(&self.scheduler);
    }
}

fn stop_scheduler(scheduler: &Scheduler) {
    if let Scheduler::Threads(threads) = scheduler {
        threads.shutdown();
    }
}

/// A node's connections over TCP.
struct Sockets {
    epmd_tcp_port: u16,
}

impl Network for Sockets {
    fn dial(&self, node: Arc<Node>, wish: Dial) {
        let scheduler = node.processes().scheduler().clone();
        scheduler.spawn_task(dial(node, wish, self.epmd_tcp_port));
    }
}

async fn accept(listener: TcpListener, node: Arc<Node>) {
    let places = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES_MAX));
    let scheduler = node.processes().scheduler().clone();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                scheduler.sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%from, "too many connections without handshake: one is closed unread");
            continue;
        };
        let challenge = match random::challenge() {
            Ok(challenge) => challenge,
            Err(error) => {
                tracing::error!("a connection is refused, this machine gives no random numbers: {error}");
                continue;
            }
        };
        let channel = Channel::accepted(Arc::clone(&node), scheduler.now(), challenge, Framing::Two);
        match (channel, stream.set_nodelay(true)) {
            (Ok(channel), Ok(())) => {
                let clock = scheduler.clone();
                scheduler.spawn_task(async move {
                    let reason = drive(channel, stream, clock, Some(place)).await;
                    tracing::debug!(%from, "connection ended: {reason}");
                });
            }
            (Err(error), _) => tracing::error!("this node cannot accept connections: {error}"),
            (_, Err(error)) => tracing::warn!(%from, "a connection is of no use: {error}"),
        }
    }
}
