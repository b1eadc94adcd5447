//! The strategy that asks DNS, and the asking: by UDP, then by TCP where the answer is too long for it.

use super::cluster_domain;
use super::interval::{Interval, within};
use crate::candidate::{Candidate, LeftOut, Snapshot, StrategyError};
use crate::dns::{Answer, Kind, Problem, Record, ResolvConf, question, read};
use crate::strategy::{Next, Strategy};
use engset_process::{Scheduler, blocking};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How often DNS is asked at most, unless told otherwise.
const POLLING_INTERVAL: Duration = Duration::from_secs(5);
/// The longest time to live that is waited for, unless told otherwise.
const TTL_MAX: Duration = Duration::from_secs(30);
/// Datagrams that are no answer to the question, and are passed over before giving up on a server.
const STRANGERS_MAX: usize = 16;
/// The longest answer in a datagram, as without extensions, and room to see that it is longer.
const DATAGRAM_BYTES: usize = 4_096;
const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_TCP_PORT: u16 = 53;

/// Which records are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsRecords {
    /// A: a node is called by its IPv4 address.
    A,
    /// AAAA: a node is called by its IPv6 address.
    Aaaa,
    /// Both.
    #[default]
    Addresses,
    /// SRV: a node is called by the target of its record.
    Srv,
}

/// The nodes behind names in DNS: `basename@` and each address, or each target of a service.
///
/// It is libcluster's `DNSPoll`, `Kubernetes.DNS` and `Kubernetes.DNSSRV`, and what `dns_cluster` does. It asks every
/// polling interval, but not before the records' time to live is over. A name that does not exist is an error, so what
/// was found before stays; a name without records is an empty answer.
///
/// ```
/// use engset_discover::{Discovery, Dns};
///
/// let discovery = Discovery::new()
///     .with(Dns::new("app.internal", "app"))
///     .with(Dns::kubernetes_service("app-headless", "default", "app"));
/// # drop(discovery);
/// ```
#[derive(Debug, Clone)]
pub struct Dns {
    /// Names to ask for, each with what stands before the `@` of its nodes.
    queries: Vec<(String, String)>,
    records: DnsRecords,
    server: Option<SocketAddr>,
    ttl_max: Duration,
    interval: Interval,
    ttl: Duration,
    known: BTreeMap<(String, Kind), Vec<Candidate>>,
}

impl Dns {
    /// Asks for the addresses of `query`; the nodes there are called `node_basename@` and the address.
    pub fn new(query: impl Into<String>, node_basename: impl Into<String>) -> Self {
        Self {
            queries: vec![(query.into(), node_basename.into())],
            records: DnsRecords::default(),
            server: None,
            ttl_max: TTL_MAX,
            interval: Interval::new(POLLING_INTERVAL),
            ttl: Duration::ZERO,
            known: BTreeMap::new(),
        }
    }

    /// Asks for the service records of `query`; the nodes are called `node_basename@` and the record's target.
    pub fn srv(query: impl Into<String>, node_basename: impl Into<String>) -> Self {
        Self::new(query, node_basename).records(DnsRecords::Srv)
    }

    /// Asks for the service records of a headless service of Kubernetes, whose pods have host names (a StatefulSet).
    /// The cluster's domain is `CLUSTER_DOMAIN`, or `cluster.local`.
    #[must_use]
    pub fn kubernetes_service(service: &str, namespace: &str, node_basename: &str) -> Self {
        let domain = cluster_domain();
        Self::srv(format!("{service}.{namespace}.svc.{}.", domain.trim_end_matches('.')), node_basename)
    }

    /// Asks for another name as well.
    #[must_use]
    pub fn and(mut self, query: impl Into<String>, node_basename: impl Into<String>) -> Self {
        self.queries.push((query.into(), node_basename.into()));
        self
    }

    /// Sets which records are asked for.
    #[must_use]
    pub fn records(mut self, records: DnsRecords) -> Self {
        self.records = records;
        self
    }

    /// Sets how often DNS is asked; without, every 5 s. At least 50 ms.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        self.interval.set(interval);
        self
    }

    /// Sets the longest time to live that is waited for; without, 30 s. Zero asks every polling interval.
    #[must_use]
    pub fn ttl_max(mut self, ttl_max: Duration) -> Self {
        self.ttl_max = ttl_max;
        self
    }

    /// Sets the server to ask; without, those in `/etc/resolv.conf`. Names are taken as complete then.
    #[must_use]
    pub fn server(mut self, server: SocketAddr) -> Self {
        self.server = Some(server);
        self
    }

    fn kinds(&self) -> &'static [Kind] {
        match self.records {
            DnsRecords::A => &[Kind::A],
            DnsRecords::Aaaa => &[Kind::Aaaa],
            DnsRecords::Addresses => &[Kind::A, Kind::Aaaa],
            DnsRecords::Srv => &[Kind::Srv],
        }
    }

    async fn resolver(&self) -> Resolver {
        let Some(server) = self.server else {
            let text = blocking(|| std::fs::read_to_string(RESOLV_CONF)).await;
            // Without the file the resolver of this machine is asked, as the C library does.
            let conf = ResolvConf::parse(&text.ok().and_then(Result::ok).unwrap_or_default());
            let servers = conf.servers.iter().map(|server| SocketAddr::new(*server, DNS_TCP_PORT)).collect();
            return Resolver { servers, conf };
        };
        Resolver { servers: vec![server], conf: ResolvConf { ndots: 0, ..ResolvConf::default() } }
    }

    async fn poll(&mut self, clock: &Scheduler) -> Result<Snapshot, StrategyError> {
        let resolver = self.resolver().await;
        let mut snapshot = Snapshot::default();
        let (mut errors, mut answers, mut ttl) = (Vec::new(), Vec::new(), None::<Duration>);
        let mut asked = Vec::new();
        for (query, basename) in &self.queries {
            for kind in self.kinds() {
                asked.push(format!("{kind} {query}"));
                match resolver.look_up(clock, query, *kind).await {
                    Ok((answer, from)) => {
                        ttl = [ttl, answer.ttl].into_iter().flatten().min();
                        answers.push(said(*kind, &answer, from));
                        let found = candidates(&answer, *kind, query, basename);
                        self.known.insert((query.clone(), *kind), found);
                    }
                    Err(error) => errors.push((query.clone(), format!("{kind} {query}: {error}"))),
                }
            }
        }
        if answers.is_empty() && !errors.is_empty() {
            let all: Vec<&str> = errors.iter().map(|(_, error)| error.as_str()).collect();
            return Err(StrategyError::new(&all.join("; ")));
        }
        self.ttl = ttl.unwrap_or_default().min(self.ttl_max);
        snapshot.candidates = self.known.values().flatten().cloned().collect();
        snapshot.refused = errors.iter().map(|(query, error)| LeftOut::new(query, error)).collect();
        snapshot.query = asked.join(", ");
        snapshot.answer = answers.join("; ");
        Ok(snapshot)
    }
}

impl Strategy for Dns {
    fn source(&self) -> String {
        let names: Vec<&str> = self.queries.iter().map(|(query, _)| query.as_str()).collect();
        let kind = if self.records == DnsRecords::Srv { "srv" } else { "dns" };
        format!("{kind} {}", names.join(" "))
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            self.interval.turn(clock, self.ttl).await;
            let polled = self.poll(clock).await;
            if polled.is_err() {
                self.interval.again();
            }
            polled
        })
    }
}

fn candidates(answer: &Answer, kind: Kind, query: &str, basename: &str) -> Vec<Candidate> {
    let candidate = |record: &Record| match record {
        Record::Address(address) => Candidate {
            name: format!("{basename}@{address}"),
            address: Some(*address),
            tcp_port: None,
            found_in: format!("{kind} {query}"),
        },
        Record::Service { target, tcp_port, priority, address } => Candidate {
            name: format!("{basename}@{target}"),
            address: *address,
            // Headless services without a port of their own say 0.
            tcp_port: Some(*tcp_port).filter(|tcp_port| *tcp_port != 0),
            found_in: format!("{kind} {query} (priority {priority})"),
        },
    };
    answer.records.iter().map(candidate).collect()
}

fn said(kind: Kind, answer: &Answer, from: SocketAddr) -> String {
    let ttl = answer.ttl.map_or_else(String::new, |ttl| format!(", to live {} s", ttl.as_secs()));
    format!("{} {kind} records{ttl}, from {from}", answer.records.len())
}

/// Whom to ask, and under which names.
struct Resolver {
    servers: Vec<SocketAddr>,
    conf: ResolvConf,
}

impl Resolver {
    /// Asks under one name after the other, until one exists.
    async fn look_up(
        &self,
        clock: &Scheduler,
        name: &str,
        kind: Kind,
    ) -> Result<(Answer, SocketAddr), String> {
        let mut last = "it has no name to ask for".to_owned();
        for name in self.conf.names(name) {
            match self.ask_servers(clock, &name, kind).await {
                Ok(answered) => return Ok(answered),
                Err(Failure::Final(problem)) => last = problem.to_string(),
                Err(Failure::Server(why)) => return Err(why),
            }
        }
        Err(last)
    }

    /// Asks one server after the other, until one answers.
    async fn ask_servers(
        &self,
        clock: &Scheduler,
        name: &str,
        kind: Kind,
    ) -> Result<(Answer, SocketAddr), Failure> {
        let mut last = "no server is configured; look at /etc/resolv.conf".to_owned();
        for _ in 0..self.conf.attempts {
            for server in &self.servers {
                let timeout = self.conf.timeout;
                match within(clock, timeout, ask(*server, name, kind)).await {
                    Some(Ok(answer)) => return Ok((answer, *server)),
                    Some(Err(Ask::Problem(problem @ (Problem::NoSuchName | Problem::BadName)))) => {
                        return Err(Failure::Final(problem));
                    }
                    Some(Err(Ask::Problem(problem))) => last = format!("{server}: {problem}"),
                    Some(Err(Ask::Socket(error))) => {
                        last =
                            format!("{server} cannot be asked: {error}; check the server and the way to it");
                    }
                    None => {
                        last = format!(
                            "{server} did not answer within {timeout:?}; check the server and the way to it"
                        );
                    }
                }
            }
        }
        Err(Failure::Server(last))
    }
}

enum Failure {
    /// Another server would say the same.
    Final(Problem),
    /// No server had an answer.
    Server(String),
}

enum Ask {
    Problem(Problem),
    Socket(io::Error),
}

impl From<io::Error> for Ask {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

async fn ask(server: SocketAddr, name: &str, kind: Kind) -> Result<Answer, Ask> {
    let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
    let [id @ .., _, _] = random.to_be_bytes();
    let id = u16::from_be_bytes(id);
    let asked = question(id, name, kind).map_err(Ask::Problem)?;
    match by_udp(server, &asked, |bytes| read(bytes, id, name, kind)).await {
        Err(Ask::Problem(Problem::Truncated)) => {
            let bytes = by_tcp(server, &asked).await?;
            read(&bytes, id, name, kind).map_err(Ask::Problem)
        }
        answered => answered,
    }
}

async fn by_udp(
    server: SocketAddr,
    asked: &[u8],
    read: impl Fn(&[u8]) -> Result<Answer, Problem>,
) -> Result<Answer, Ask> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A socket for one question, at a port that the operating system draws: who has not seen it can hardly forge.
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(asked).await?;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    for _ in 0..STRANGERS_MAX {
        let length = socket.recv(&mut buffer).await?;
        match read(&buffer[..length]) {
            Err(Problem::NotOurs | Problem::Malformed) => {}
            answered => return answered.map_err(Ask::Problem),
        }
    }
    Err(Ask::Problem(Problem::NotOurs))
}

async fn by_tcp(server: SocketAddr, asked: &[u8]) -> Result<Vec<u8>, Ask> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(asked.len()).map_err(|_error| Ask::Problem(Problem::BadName))?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(asked).await?;
    let length = stream.read_u16().await?;
    let mut bytes = Vec::new();
    // Grows as bytes come, up to the 64 KiB that the length can say.
    (&mut stream).take(length.into()).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
