//! Reaching a node, step by step: its host, its EPMD, its name there, then a connection as a hidden node.

use crate::connect_error::{explain, explain_dial, step_of};
use crate::cookie::{Cookie, CookieFlags};
use crate::failure::{Failure, Status, Step};
use crate::{flags, random};
use engset::net::{ConnectError, DialError, StartNodeError, TlsConfig, TlsConfigError, epmd};
use engset::{Cx, Instant, Node, NodeBuilder, NodeName, Scheduler, Term};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So many of a host's addresses are tried.
const ADDRESSES_MAX: usize = 4;

/// What every command that talks to a node understands.
#[derive(Debug, clap::Args)]
pub(crate) struct PeerFlags {
    /// The node to talk to, name@host
    #[arg(value_name = "NODE", value_parser = flags::node_name)]
    node: NodeName,
    #[command(flatten)]
    cookie: CookieFlags,
    /// The name to appear under, name@host [default: engset-<pid>-<random>@<host>]
    ///
    /// Erlang nodes remember every name they have seen until they end: give a name where the command runs often.
    #[arg(long, value_name = "NAME", value_parser = flags::own_name)]
    name: Option<NodeName>,
    /// Speak TLS, with the files that `engset cert` has made for --name in this directory
    #[arg(long, value_name = "D", requires = "name")]
    tls_dir: Option<PathBuf>,
    /// The TCP port that the node listens at, for one without EPMD; it names the command where --name does not
    #[arg(long, value_name = "P", conflicts_with = "unix_dir", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Reach an Engset node by its Unix socket in this directory; it names the command then
    #[arg(long, value_name = "D", conflicts_with_all = ["name", "tls_dir"])]
    unix_dir: Option<PathBuf>,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "S", default_value = "10", value_parser = flags::seconds)]
    timeout: Duration,
}

/// A node of our own that is connected to the other one.
pub(crate) struct Reached {
    /// The other node.
    pub(crate) peer: NodeName,
    /// How long it took to get there.
    pub(crate) took: Duration,
    /// The time limit of the whole command.
    pub(crate) limit: Duration,
    node: Node,
    /// By the own node's clock.
    deadline: Instant,
}

/// A time limit by the clock that `scheduler` has.
struct Limit {
    scheduler: Scheduler,
    deadline: Instant,
    whole: Duration,
}

impl PeerFlags {
    /// Connects.
    ///
    /// Host, EPMD and name are looked up before the own node starts: where no EPMD is on this machine the own node
    /// becomes it, and would then be the one that answers about its peers.
    pub(crate) fn reach(&self) -> Result<Reached, Failure> {
        let cookie = self.cookie.find()?;
        let peer = self.node;
        let clock = Node::builder().workers(1).start().map_err(|error| not_started(&error))?;
        let scheduler = clock.processes().scheduler().clone();
        let began = scheduler.now();
        let limit = Limit {
            scheduler: scheduler.clone(),
            deadline: began.saturating_add(self.timeout),
            whole: self.timeout,
        };
        let tls = self.tls()?;
        if self.port.is_some() || self.unix_dir.is_some() {
            let address = match self.port {
                Some(_) => in_node(&clock, move |_cx| async move { address_of(peer, &limit).await })??,
                None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            let node = self.unheard(peer, address, &cookie, tls)?;
            return self.connected(node, &cookie, scheduler.now().saturating_duration_since(began));
        }
        let address = in_node(&clock, move |_cx| async move { locate(peer, &limit).await })??;
        let own_name = self.name.map_or_else(|| made_up_name(peer, address), |name| name.text().to_string());
        let node = start(&own_name, &cookie, tls)?;
        self.connected(node, &cookie, scheduler.now().saturating_duration_since(began))
    }

    /// Connects `node`, after so much time has gone.
    fn connected(&self, node: Node, cookie: &Cookie, gone: Duration) -> Result<Reached, Failure> {
        let scheduler = node.processes().scheduler().clone();
        let began = scheduler.now();
        let connected = connect(&node, self.node, self.timeout.saturating_sub(gone), cookie, self.timeout);
        connected.map_err(|failure| match self.port {
            // Not EPMD has said so: its step and what the system says are left.
            Some(port) if failure.is_at(Step::Tcp) => failure.first_facts(2).check(format!("--port says that the node listens at port {port}")).remedy(
                "start the node there, or correct --port; open that port in the firewall, or leave --port out where the node is in an EPMD",
            ),
            _ => failure,
        })?;
        let took = gone.saturating_add(scheduler.now().saturating_duration_since(began));
        let deadline = scheduler.now().saturating_add(self.timeout.saturating_sub(took));
        Ok(Reached { peer: self.node, took, limit: self.timeout, node, deadline })
    }

    /// A node that listens nowhere, so that it needs neither EPMD nor a port of its own; `peer` gives it a name where it
    /// has none.
    fn unheard(
        &self,
        peer: NodeName,
        address: IpAddr,
        cookie: &Cookie,
        tls: Option<TlsConfig>,
    ) -> Result<Node, Failure> {
        let builder = match self.name {
            Some(name) => Node::builder().name(&name.text()).connect_only(),
            None => Node::builder().name_from_peer(&own_host(peer, address)),
        };
        let builder = builder.workers(1).cookie(cookie.secret());
        let builder = match (self.port, &self.unix_dir) {
            (Some(tcp_port), _) => builder.no_epmd(tcp_port),
            (None, Some(dir)) => builder.unix_socket(dir),
            (None, None) => builder,
        };
        with_tls(builder, tls).start().map_err(|error| not_started(&error))
    }

    /// The certificates to speak TLS with.
    fn tls(&self) -> Result<Option<TlsConfig>, Failure> {
        let (Some(dir), Some(name)) = (&self.tls_dir, self.name) else { return Ok(None) };
        TlsConfig::from_dir(dir, &name.text()).map(Some).map_err(|error| no_certificates(dir, name, &error))
    }
}

impl Reached {
    /// Runs `body` as a process of the own node.
    pub(crate) fn block_on<T, B, F>(&self, body: B) -> Result<T, Failure>
    where
        T: Send + 'static,
        B: FnOnce(Cx<Term>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        in_node(&self.node, body)
    }

    /// What is left of the time limit.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(self.node.processes().scheduler().now())
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reached").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// The files of a node's certificate cannot be used.
fn no_certificates(dir: &Path, name: NodeName, error: &TlsConfigError) -> Failure {
    let failure = Failure::new(Status::Usage, error.to_string());
    let shown = dir.display();
    let files = || format!("looked at: ca.pem, {name}.pem and {name}.key in {shown}");
    match error {
        TlsConfigError::File { path, error } if error.kind() == io::ErrorKind::NotFound => {
            let has_authority = path.file_name().is_none_or(|file| file != "ca.pem");
            let command = if has_authority { "add" } else { "init" };
            failure.remedy(format!(
                "give the directory of the cluster's certificates by --tls-dir, and a name that has one by --name; `engset cert {command} --dir {shown} {name}` makes them"
            ))
        }
        TlsConfigError::File { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
            failure.remedy("run the command as the user that the file belongs to, or make certificates for this user by `engset cert add`")
        }
        TlsConfigError::Certificate(_) | TlsConfigError::Key(_) | TlsConfigError::Authority(_) => {
            failure.check(files()).remedy(format!(
                "put the right files there; or remove those of {name} and make new ones by `engset cert add --dir {shown} {name}`"
            ))
        }
        _ => failure.check(files()),
    }
}

/// A node could not be started on this machine.
pub(crate) fn not_started(error: &StartNodeError) -> Failure {
    let status = match error {
        StartNodeError::Name(_) | StartNodeError::Cookie(_) | StartNodeError::NoCookie => Status::Usage,
        _ => Status::Machine,
    };
    Failure::new(status, error.to_string())
}

/// Runs `body` as a process of `node`.
pub(crate) fn in_node<T, B, F>(node: &Node, body: B) -> Result<T, Failure>
where
    T: Send + 'static,
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    node.block_on(body).map_err(|error| Failure::machine("the command's own process ended", &error))
}

/// The addresses of a host, at least one, the first few; IPv4 before IPv6, as nodes listen.
pub(crate) async fn resolve(host: String) -> io::Result<Vec<IpAddr>> {
    let look = move || (host.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let mut found = tokio::task::spawn_blocking(look).await.map_err(io::Error::other)??;
    found.sort_by_key(SocketAddr::is_ipv6);
    let found: Vec<_> = found.iter().map(SocketAddr::ip).take(ADDRESSES_MAX).collect();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "no address")) } else { Ok(found) }
}

/// Asks one question after the other, each at another address, until one is answered; when none does, what happened at the first.
pub(crate) async fn first_that_answers<T, F>(questions: Vec<F>) -> Result<T, ConnectError>
where
    F: Future<Output = Result<T, ConnectError>>,
{
    let mut first_error = None;
    for question in questions {
        match question.await {
            Ok(answer) => return Ok(answer),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    Err(first_error.unwrap_or(ConnectError::Timeout { step: engset::net::Step::Epmd, at: None }))
}

/// Finds the host.
async fn address_of(peer: NodeName, limit: &Limit) -> Result<IpAddr, Failure> {
    let host = peer.host_part().to_string();
    let resolved = limit.keep(peer, Step::Resolve, resolve(host.clone())).await?;
    let failed = |error| explain(peer, &ConnectError::Resolve { host, error: std::sync::Arc::new(error) });
    let none = || io::Error::new(io::ErrorKind::NotFound, "no address");
    let first = resolved.and_then(|addresses| addresses.first().copied().ok_or_else(none));
    first.map_err(failed)
}

/// Finds the host, and the name in its EPMD.
async fn locate(peer: NodeName, limit: &Limit) -> Result<IpAddr, Failure> {
    let host = peer.host_part().to_string();
    let name = peer.name_part().to_string();
    let failed = |error: &ConnectError| explain(peer, error);
    let resolved = limit.keep(peer, Step::Resolve, resolve(host.clone())).await?;
    let addresses = resolved
        .map_err(|error| failed(&ConnectError::Resolve { host, error: std::sync::Arc::new(error) }))?;
    let question = |address| {
        let (at, name) = (SocketAddr::new(address, epmd::tcp_port()), name.clone());
        async move { epmd::lookup(at, &name).await.map(|entry| (entry, at)) }
    };
    let asked = first_that_answers(addresses.into_iter().map(question).collect());
    match limit.keep(peer, Step::Epmd, asked).await? {
        Ok((Some(_), at)) => Ok(at.ip()),
        Ok((None, at)) => Err(failed(&ConnectError::UnknownNode { name, at })),
        Err(error) => Err(failed(&error)),
    }
}

impl Limit {
    /// Waits for `work`, within the limit.
    async fn keep<T>(&self, peer: NodeName, step: Step, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            done = work => Ok(done),
            () = self.scheduler.sleep_until(self.deadline) => Err(out_of_time(peer, step, self.whole)),
        }
    }
}

fn out_of_time(peer: NodeName, step: Step, limit: Duration) -> Failure {
    Failure::new(Status::Unreachable, format!("{peer} was not reached within {limit:?}"))
        .timeout(step)
        .check("a firewall that drops packets looks like this, and a host or node that hangs")
        .remedy("look at the other machine, or allow more time by --timeout")
}

/// A hidden node of our own.
pub(crate) fn start(own_name: &str, cookie: &Cookie, tls: Option<TlsConfig>) -> Result<Node, Failure> {
    let (is_tls, another_name) = (tls.is_some(), "give another name by --name");
    let builder = Node::builder().workers(1).name(own_name).cookie(cookie.secret());
    with_tls(builder, tls).start().map_err(|error| {
        let failure = not_started(&error);
        match error {
            StartNodeError::Cookie(_) => failure.check(cookie.to_string()).remedy(
                "give the cookie of the other node by --cookie-file or ENGSET_COOKIE; on it, `erlang:get_cookie()` shows it",
            ),
            StartNodeError::Epmd(_) if is_tls => {
                failure.remedy(format!("{another_name}; `engset cert add` makes certificates for it"))
            }
            StartNodeError::Epmd(_) => failure.remedy(format!("{another_name}, or leave it out")),
            _ => failure,
        }
    })
}

/// The node with TLS where there are certificates, and with QUIC where the command has it.
fn with_tls(builder: NodeBuilder, tls: Option<TlsConfig>) -> NodeBuilder {
    match tls {
        #[cfg(feature = "quic")]
        Some(tls) => builder.quic(tls),
        #[cfg(not(feature = "quic"))]
        Some(tls) => builder.tls(tls),
        None => builder,
    }
}

/// Connects `node` to `peer` within the time left, of `whole`.
pub(crate) fn connect(
    node: &Node,
    peer: NodeName,
    left: Duration,
    cookie: &Cookie,
    whole: Duration,
) -> Result<(), Failure> {
    let (sender, receiver) = tokio::sync::oneshot::channel::<Result<(), DialError>>();
    // The receiver is gone only when the time was over.
    node.node().connect(peer, move |result| drop(sender.send(result)));
    let scheduler = node.processes().scheduler().clone();
    let connected = in_node(node, move |_cx| async move {
        tokio::select! {
            connected = receiver => connected.ok(),
            () = scheduler.sleep(left) => None,
        }
    })?;
    match connected {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(explain_dial(peer, &error, cookie)),
        // The attempt goes on: where it is now is what took the time.
        None => Err(out_of_time(peer, node.dial_step(peer).map_or(Step::Handshake, step_of), whole)),
    }
}

/// A name for one run, at a host that fits the peer's.
pub(crate) fn made_up_name(peer: NodeName, address: IpAddr) -> String {
    let host = own_host(peer, address);
    format!("engset-{}-{:08x}@{host}", std::process::id(), random::number() & 0xffff_ffff)
}

/// A host that fits the peer's: nodes with short names want others to have them too.
fn own_host(peer: NodeName, address: IpAddr) -> String {
    let host = peer.host_part();
    match (address.is_loopback(), host.contains('.')) {
        (true, _) => host.to_string(),
        (false, true) => "127.0.0.1".to_owned(),
        (false, false) => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{first_that_answers, in_node, made_up_name};
    use engset::net::{ConnectError, Step};
    use engset::{Node, NodeName};
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn addresses_are_asked_until_one_answers_and_the_first_error_is_told() {
        let node = Node::builder().workers(1).start().unwrap();
        let failed = |step| Err(ConnectError::Timeout { step, at: None });
        for (answers, expected) in [
            (vec![Ok(1), Ok(2)], Ok(1)),
            (vec![failed(Step::Epmd), Ok(2)], Ok(2)),
            (vec![failed(Step::Epmd), failed(Step::Tcp), Ok(3)], Ok(3)),
            (vec![failed(Step::Tcp), failed(Step::Resolve)], Err(Step::Tcp)),
            (vec![], Err(Step::Epmd)),
        ] {
            let questions = answers.into_iter().map(std::future::ready).collect();
            let answer = in_node(&node, move |_cx| first_that_answers(questions)).unwrap();
            assert_eq!(answer.map_err(|error| error.step()), expected);
        }
    }

    fn host_beside(peer: &str, address: Ipv4Addr) -> String {
        let name = made_up_name(NodeName::new(peer).unwrap(), IpAddr::V4(address));
        NodeName::new(&name).expect("a made-up name is a name").host_part().to_string()
    }

    #[test]
    fn made_up_names_are_at_a_host_that_fits_the_peer() {
        let far = Ipv4Addr::new(10, 0, 0, 9);
        assert_eq!(host_beside("n1@127.0.0.1", Ipv4Addr::LOCALHOST), "127.0.0.1");
        assert_eq!(host_beside("n1@here", Ipv4Addr::LOCALHOST), "here");
        assert_eq!(host_beside("n1@db.example.org", far), "127.0.0.1");
        assert_eq!(host_beside("n1@db", far), "localhost");
    }

    #[test]
    fn made_up_names_differ() {
        let peer = NodeName::new("n1@127.0.0.1").unwrap();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_ne!(made_up_name(peer, address), made_up_name(peer, address));
    }
}
