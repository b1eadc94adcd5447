//! The strategy for a file of nodes and hosts, which is looked at again and again.

use super::epmd::Asked;
use super::interval::Interval;
use crate::candidate::{Candidate, Snapshot, StrategyError};
use crate::hosts::{HOSTS_BYTES_MAX, HostsLine, parse_hosts};
use crate::strategy::{Next, Strategy};
use engset_process::{Scheduler, blocking};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the file is read, unless told otherwise.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How often the EPMDs of the hosts in it are asked, unless told otherwise.
const POLLING_INTERVAL: Duration = Duration::from_secs(5);

/// A file of nodes and hosts: plain lines, `.hosts.erlang`, or JSON (`docs/discovery.md` shows each). A change is seen
/// within the watch interval. Of a host without a name before it all nodes are found that its EPMD knows, as
/// libcluster's `ErlangHosts` does.
///
/// A file that cannot be read changes nothing of what was found in it before.
///
/// ```
/// use engset_discover::{Discovery, HostsFile};
///
/// let discovery = Discovery::new().with(HostsFile::new("/etc/shop/peers.json"));
/// # drop(discovery);
/// ```
#[derive(Debug, Clone)]
pub struct HostsFile {
    path: PathBuf,
    watch: Interval,
    polling: Duration,
    asked: Asked,
    /// The last text that could be read, with its lines.
    last: Option<(Vec<u8>, Vec<HostsLine>)>,
    /// How long ago the EPMDs were asked, in turns of the watch.
    since_asked: Duration,
}

impl HostsFile {
    /// A strategy that finds what is in the file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            watch: Interval::new(WATCH_INTERVAL),
            polling: POLLING_INTERVAL,
            asked: Asked::new(engset_net::epmd::tcp_port()),
            last: None,
            since_asked: Duration::ZERO,
        }
    }

    /// Sets how often the file is read; without, every second. At least 50 ms.
    #[must_use]
    pub fn watch_interval(mut self, interval: Duration) -> Self {
        self.watch.set(interval);
        self
    }

    /// Sets how often the EPMDs of the hosts in it are asked; without, every 5 s.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        self.polling = interval;
        self
    }

    /// Sets the port of EPMD on the hosts; without, `ERL_EPMD_PORT` or 4369.
    #[must_use]
    pub fn epmd_tcp_port(mut self, tcp_port: u16) -> Self {
        self.asked.set_tcp_port(tcp_port);
        self
    }

    /// Waits until there is something to tell: the file has changed, or its hosts are to be asked again.
    async fn changed(&mut self, clock: &Scheduler) -> Result<Vec<HostsLine>, StrategyError> {
        loop {
            self.watch.turn(clock, Duration::ZERO).await;
            self.since_asked = self.since_asked.saturating_add(self.watch.every());
            let path = self.path.clone();
            let failed =
                |why: String| StrategyError::new(&format!("{} cannot be used: {why}", self.path.display()));
            let read = blocking(move || read(&path)).await.map_err(|error| failed(error.to_string()))?;
            let bytes =
                read.map_err(|error| failed(format!("{error}; check the path and who may read it")))?;
            let known = self.last.as_ref().filter(|(last, _)| *last == bytes).map(|(_, lines)| lines.clone());
            let is_new = known.is_none();
            let lines = match known {
                Some(lines) => lines,
                None => parse_hosts(&bytes).map_err(|error| failed(error.to_string()))?,
            };
            let asks = lines.iter().any(|line| !line.text.contains('@'));
            if is_new || (asks && self.since_asked >= self.polling) {
                self.last = Some((bytes, lines.clone()));
                self.since_asked = Duration::ZERO;
                return Ok(lines);
            }
        }
    }
}

impl Strategy for HostsFile {
    fn source(&self) -> String {
        format!("hosts {}", self.path.display())
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            let lines = self.changed(clock).await?;
            let mut snapshot = Snapshot::default();
            let mut hosts = Vec::new();
            let count = lines.len();
            for HostsLine { text, number, address, tcp_port } in lines {
                let found_in = format!("entry {number} of {}", self.path.display());
                if text.contains('@') {
                    snapshot.candidates.push(Candidate { name: text, address, tcp_port, found_in });
                } else {
                    hosts.push((text, found_in));
                }
            }
            let answered = self.asked.ask(clock, &hosts, &mut snapshot).await;
            snapshot.query = format!("read {}", self.path.display());
            snapshot.answer = format!("{count} entries; {answered} of {} hosts answered", hosts.len());
            Ok(snapshot)
        })
    }
}

/// The file's bytes, one more than the limit at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(HOSTS_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
