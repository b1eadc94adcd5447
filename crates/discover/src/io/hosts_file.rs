//! The strategy for a file of nodes and hosts, which is looked at again and again.

use super::epmd::Asked;
use super::interval::Interval;
use crate::candidate::{Candidate, Snapshot, StrategyError};
use crate::hosts::{HOSTS_BYTES_MAX, HostsLine, parse_hosts};
use crate::settled::{Read, Settled};
use crate::strategy::{Next, Strategy};
use engset_process::{Scheduler, blocking};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the file is read, unless told otherwise.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How often the EPMDs of the hosts in it are asked, unless told otherwise.
const POLLING_INTERVAL: Duration = Duration::from_secs(5);

/// A file of nodes and hosts: plain lines, `.hosts.erlang`, or JSON (`docs/discovery.md` shows each). Of a host without
/// a name before it all nodes are found that its EPMD knows, as libcluster's `ErlangHosts` does.
///
/// A change counts as soon as two reads in a row agree on it, so a file that is half written is not taken for a whole
/// one.
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
    settled: Settled,
    /// The lines of the last text that was taken.
    lines: Vec<HostsLine>,
    /// Whether the last answer was an error.
    has_failed: bool,
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
            settled: Settled::default(),
            lines: Vec::new(),
            has_failed: false,
            since_asked: Duration::ZERO,
        }
    }

    /// Sets how often the file is read; without, every second. At least 50 ms. A change is seen after two reads.
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
            let read = blocking(move || read(&path)).await;
            let read = read.map_err(|error| error.to_string()).and_then(|read| {
                read.map_err(|error| format!("{error}; check the path and who may read it"))
            });
            let bytes = match read {
                Ok(bytes) => bytes,
                Err(why) => {
                    self.settled.handle_failure();
                    return Err(self.failed(&why));
                }
            };
            match self.settled.handle_read(bytes) {
                Read::Changing => {}
                Read::New(bytes) => {
                    match parse_hosts(&bytes) {
                        Ok(lines) => self.lines = lines,
                        Err(error) => return Err(self.failed(&error.to_string())),
                    }
                    self.settled.take(bytes);
                    break;
                }
                Read::Same => {
                    let asks = self.lines.iter().any(|line| !line.text.contains('@'));
                    // What was an error and is as before is told, too.
                    if self.has_failed || (asks && self.since_asked >= self.polling) {
                        break;
                    }
                }
            }
        }
        self.has_failed = false;
        self.since_asked = Duration::ZERO;
        Ok(self.lines.clone())
    }

    fn failed(&mut self, why: &str) -> StrategyError {
        self.has_failed = true;
        StrategyError::new(&format!("{} cannot be used: {why}", self.path.display()))
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
