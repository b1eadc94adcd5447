//! The strategy that asks EPMD on a list of hosts, and the asking, which the hosts file uses as well.

use super::interval::{Interval, within};
use crate::candidate::{Candidate, LeftOut, Snapshot, StrategyError};
use crate::strategy::{Next, Strategy};
use engset_net::ConnectError;
use engset_process::Scheduler;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// So many hosts are asked.
pub(crate) const HOSTS_MAX: usize = 256;
/// How long one host may take to resolve and to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How often the hosts are asked, unless told otherwise.
const POLLING_INTERVAL: Duration = Duration::from_secs(5);

/// All nodes that the EPMDs of some hosts know. libcluster calls it `LocalEpmd` (this host only) and `ErlangHosts`.
///
/// A host that does not answer keeps what was found there before.
///
/// ```
/// use engset_discover::{Discovery, Epmd};
///
/// // The nodes of this machine and another one whose names begin with `shop`.
/// let epmd = Epmd::new(["127.0.0.1", "db.example.org"]).names_with_prefix("shop");
/// # drop(Discovery::new().with(epmd));
/// ```
#[derive(Debug, Clone)]
pub struct Epmd {
    hosts: Vec<String>,
    asked: Asked,
    interval: Interval,
}

/// What the hosts said last.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    tcp_port: u16,
    prefix: String,
    known: BTreeMap<String, Vec<Candidate>>,
}

impl Epmd {
    /// Asks these hosts, at most 256, each by its name or address: a node found there is called `name@` and the host
    /// as it is written here.
    pub fn new<H: Into<String>>(hosts: impl IntoIterator<Item = H>) -> Self {
        Self {
            hosts: hosts.into_iter().map(Into::into).collect(),
            asked: Asked::new(engset_net::epmd::tcp_port()),
            interval: Interval::new(POLLING_INTERVAL),
        }
    }

    /// Finds only nodes whose name begins so. Without, all.
    #[must_use]
    pub fn names_with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.asked.prefix = prefix.into();
        self
    }

    /// Sets the port of EPMD; without, `ERL_EPMD_PORT` or 4369.
    #[must_use]
    pub fn epmd_tcp_port(mut self, tcp_port: u16) -> Self {
        self.asked.tcp_port = tcp_port;
        self
    }

    /// Sets how often the hosts are asked; without, every 5 s. At least 50 ms.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        self.interval.set(interval);
        self
    }
}

impl Strategy for Epmd {
    fn source(&self) -> String {
        format!("epmd {}", self.hosts.join(" "))
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            self.interval.turn(clock, Duration::ZERO).await;
            let hosts: Vec<(String, String)> =
                self.hosts.iter().map(|host| (host.clone(), format!("EPMD of {host}"))).collect();
            let mut snapshot = Snapshot::default();
            let answered = self.asked.ask(clock, &hosts, &mut snapshot).await;
            if answered == 0 && !hosts.is_empty() {
                self.interval.again();
                let reasons: Vec<&str> =
                    snapshot.refused.iter().map(|refused| refused.why.as_str()).collect();
                return Err(StrategyError::new(&reasons.join("; ")));
            }
            snapshot.query = format!("NAMES at port {} of {}", self.asked.tcp_port, self.hosts.join(", "));
            snapshot.answer = format!("{answered} of {} hosts answered", hosts.len());
            Ok(snapshot)
        })
    }
}

impl Asked {
    pub(crate) fn new(tcp_port: u16) -> Self {
        Self { tcp_port, prefix: String::new(), known: BTreeMap::new() }
    }

    pub(crate) fn set_tcp_port(&mut self, tcp_port: u16) {
        self.tcp_port = tcp_port;
    }

    /// Asks each host, given with where it was found, and adds what is known to `snapshot`; how many answered.
    pub(crate) async fn ask(
        &mut self,
        clock: &Scheduler,
        hosts: &[(String, String)],
        snapshot: &mut Snapshot,
    ) -> usize {
        let mut answered = 0;
        for (host, found_in) in hosts.iter().take(HOSTS_MAX) {
            match names(clock, host, self.tcp_port).await {
                Ok((address, names)) => {
                    answered += 1;
                    let candidate = |(name, tcp_port): (String, u16)| Candidate {
                        name: format!("{name}@{host}"),
                        address: Some(address),
                        tcp_port: Some(tcp_port),
                        found_in: found_in.clone(),
                    };
                    self.known.insert(host.clone(), names.into_iter().map(candidate).collect());
                }
                Err(why) => snapshot.refused.push(LeftOut::new(host, &why)),
            }
        }
        for (host, _) in hosts.iter().skip(HOSTS_MAX) {
            let why = format!("at most {HOSTS_MAX} hosts are asked; make the list shorter, or use DNS");
            snapshot.refused.push(LeftOut::new(host, &why));
        }
        self.known.retain(|host, _| hosts.iter().take(HOSTS_MAX).any(|(listed, _)| listed == host));
        for candidate in self.known.values().flatten() {
            if candidate.name.starts_with(&self.prefix) {
                snapshot.candidates.push(candidate.clone());
            } else {
                let why = format!("its name does not begin with {}", self.prefix);
                snapshot.refused.push(LeftOut::new(&candidate.name, &why));
            }
        }
        answered
    }
}

/// The nodes that the EPMD of `host` knows, and its address.
async fn names(clock: &Scheduler, host: &str, tcp_port: u16) -> Result<(IpAddr, Vec<(String, u16)>), String> {
    let asked = within(clock, ANSWER_WITHIN, async {
        let found = tokio::net::lookup_host((host, tcp_port)).await;
        let mut found: Vec<SocketAddr> = found
            .map_err(|error| format!("the host {host} does not resolve: {error}; check DNS or /etc/hosts"))?
            .collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let at = *found
            .first()
            .ok_or_else(|| format!("the host {host} has no address; check DNS or /etc/hosts"))?;
        let list = engset_net::epmd::names(at).await.map_err(|error: ConnectError| error.to_string())?;
        Ok((at.ip(), list.names))
    });
    asked.await.unwrap_or_else(|| {
        Err(format!(
            "{host} did not answer within {ANSWER_WITHIN:?}; look at its firewall for port {tcp_port}"
        ))
    })
}
