//! A network of hosts for tests, each a network namespace of Linux, that can be cut between any two of them.
//!
//! The hosts share a switch, which is a namespace too: nothing is added to the network of the machine, and no packet
//! leaves. Each namespace is held open by a program that ends when its standard input closes, so that all of it is gone
//! with the value that owns it, and with the test program however that ends.
//!
//! Each host knows the hardware addresses of the others by heart. A cut gives it a wrong one: frames go out and nobody
//! takes them, as behind a broken cable or a firewall that drops. Nothing is told to either side, open connections stay
//! open, and beginnings of connections are answered by nobody.

use crate::launcher::Launcher;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;

/// How many hosts one network has at most.
pub const HOSTS_MAX: usize = 16;

/// A hardware address that no host has.
const NOBODY: &str = "02:00:00:00:00:ff";

/// Hosts `10.83.0.1`, `10.83.0.2`, …, each reachable from each until they are cut.
///
/// Needs root, and the programs `ip`, `nsenter` and `unshare`: [`require_network`](crate::require_network) asks for them.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engset_testkit::{Beam, Network, require_network};
///
/// if require_network().is_none() {
///     return Ok(()); // the reason has been printed
/// }
/// let network = Network::new(2)?;
/// let beams: Result<Vec<Beam>, _> = network
///     .hosts()
///     .iter()
///     .map(|host| Beam::builder().name(&format!("beam@{}", host.address())).host(host).start())
///     .collect();
/// let beams = beams?;
/// assert_eq!(beams[0].eval("net_adm:ping('beam@10.83.0.2').")?, "pong");
/// network.cut(0, 1)?;
/// network.heal(0, 1)?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Network {
    hosts: Vec<Host>,
    /// Where the cables end; it outlives the hosts.
    switch: Namespace,
}

/// One host of a [`Network`].
#[derive(Debug)]
pub struct Host {
    number: usize,
    namespace: Namespace,
}

impl Network {
    /// Makes so many hosts, all connected.
    ///
    /// # Errors
    /// A program that is not there, or what it answered; without root that the operation is not permitted. More hosts
    /// than [`HOSTS_MAX`] are refused.
    pub fn new(hosts: usize) -> Result<Self, NetworkError> {
        if hosts > HOSTS_MAX {
            return Err(NetworkError::TooManyHosts { asked: hosts });
        }
        let switch = Namespace::new()?;
        switch.ip("link add switch type bridge\nlink set switch up\n")?;
        let hosts: Result<Vec<Host>, NetworkError> =
            (0..hosts).map(|number| Host::new(number, &switch)).collect();
        let network = Self { hosts: hosts?, switch };
        for from in 0..network.hosts.len() {
            network.set_ways(from, (0..network.hosts.len()).filter(|to| *to != from), true)?;
        }
        Ok(network)
    }

    /// All hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The operating system's pids of the programs that hold the network open.
    #[must_use]
    pub fn holders(&self) -> Vec<u32> {
        let namespaces = self.hosts.iter().map(|host| &host.namespace).chain([&self.switch]);
        namespaces.map(|namespace| namespace.holder.id()).collect()
    }

    /// From now on nothing passes between two hosts, in either direction.
    ///
    /// # Errors
    /// What `ip` answered.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn cut(&self, one: usize, other: usize) -> Result<(), NetworkError> {
        self.cut_one_way(one, other)?;
        self.cut_one_way(other, one)
    }

    /// From now on nothing that `from` sends arrives at `to`; what `to` sends arrives.
    ///
    /// # Errors
    /// What `ip` answered.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn cut_one_way(&self, from: usize, to: usize) -> Result<(), NetworkError> {
        self.set_ways(from, [to], false)
    }

    /// From now on nothing that other hosts send to this TCP port of `host` arrives, and nobody is told, as behind a
    /// firewall that drops. It stays so.
    ///
    /// # Errors
    /// What `ip` answered.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn drop_tcp_port(&self, host: usize, tcp_port: u16) -> Result<(), NetworkError> {
        let rule = format!("rule add pref 5 iif eth0 ipproto tcp dport {tcp_port} blackhole\n");
        self.hosts[host].namespace.ip(&rule)
    }

    /// Everything passes between two hosts again.
    ///
    /// # Errors
    /// What `ip` answered.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn heal(&self, one: usize, other: usize) -> Result<(), NetworkError> {
        self.set_ways(one, [other], true)?;
        self.set_ways(other, [one], true)
    }

    /// Cuts each host off from all that are in another part, and no others; hosts of no part are alone.
    ///
    /// # Errors
    /// What `ip` answered.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn split(&self, parts: &[&[usize]]) -> Result<(), NetworkError> {
        let part_of = |host: usize| parts.iter().position(|part| part.contains(&host));
        for from in 0..self.hosts.len() {
            let others = || (0..self.hosts.len()).filter(|to| *to != from);
            let near = |to: &usize| part_of(*to).is_some() && part_of(*to) == part_of(from);
            self.set_ways(from, others().filter(near), true)?;
            self.set_ways(from, others().filter(|to| !near(to)), false)?;
        }
        Ok(())
    }

    /// Everything passes between all hosts again.
    ///
    /// # Errors
    /// What `ip` answered.
    pub fn heal_all(&self) -> Result<(), NetworkError> {
        let all: Vec<usize> = (0..self.hosts.len()).collect();
        self.split(&[&all])
    }

    fn set_ways(
        &self,
        from: usize,
        to: impl IntoIterator<Item = usize>,
        open: bool,
    ) -> Result<(), NetworkError> {
        let lines = to.into_iter().map(|to| {
            let to = &self.hosts[to];
            let hardware = if open { to.hardware_address() } else { NOBODY.to_owned() };
            format!("neighbour replace {} lladdr {hardware} dev eth0 nud permanent\n", to.address())
        });
        self.hosts[from].namespace.ip(&lines.collect::<String>())
    }
}

impl Host {
    fn new(number: usize, switch: &Namespace) -> Result<Self, NetworkError> {
        let host = Self { number, namespace: Namespace::new()? };
        let (pid, hardware) = (host.namespace.holder.id(), host.hardware_address());
        switch.ip(&format!(
            "link add host{number} type veth peer name eth0 address {hardware} netns {pid}\n\
             link set host{number} master switch\n\
             link set host{number} up\n"
        ))?;
        let address = host.address();
        host.namespace.ip(&format!(
            "link set lo up\naddress add {address}/24 dev eth0\nlink set eth0 up\n\
             rule add pref 10 lookup local\nrule delete pref 0\n"
        ))?;
        Ok(host)
    }

    /// Its address, `10.83.0.1` for the first one. It has a loopback of its own, too.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 83, 0, self.byte())
    }

    /// Runs `work` on a thread of this host: what it connects, what it listens at, and what threads it starts, and these
    /// in turn, is there. Waits for its end.
    ///
    /// # Errors
    /// The thread could not be started, or not be moved there.
    ///
    /// # Panics
    /// When `work` panics.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetworkError> {
        let place = File::open(self.namespace.path()).map_err(NetworkError::no_thread)?;
        let there = move || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        };
        let done = thread::scope(|scope| {
            let name = thread::current().name().unwrap_or("testkit host").to_owned();
            let thread = thread::Builder::new().name(name).spawn_scoped(scope, there);
            thread.map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        done.flatten().map_err(NetworkError::no_thread)
    }

    /// A command that runs `program` on this host; it has the operating system's pid of the program itself.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.launcher().command(program)
    }

    pub(crate) fn launcher(&self) -> Launcher {
        self.namespace.launcher()
    }

    fn hardware_address(&self) -> String {
        format!("02:00:00:00:00:{:02x}", self.byte())
    }

    fn byte(&self) -> u8 {
        u8::try_from(self.number + 1).unwrap_or(u8::MAX)
    }
}

/// A network namespace, there as long as this value.
#[derive(Debug)]
struct Namespace {
    /// Reads its standard input, which nobody writes to, until that closes.
    holder: Child,
}

impl Namespace {
    fn new() -> Result<Self, NetworkError> {
        let mut command = Launcher::default().command("unshare");
        command.args(["--net", "--", "sh", "-c", "echo ready; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn().map_err(|error| NetworkError::not_run("unshare", error))?;
        let mut line = String::new();
        if let Some(stdout) = holder.stdout.take() {
            // Without a line it has ended.
            BufReader::new(stdout).read_line(&mut line).ok();
        }
        let namespace = Self { holder };
        if line == "ready\n" { Ok(namespace) } else { Err(NetworkError::NotPermitted) }
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    fn launcher(&self) -> Launcher {
        Launcher::through(["nsenter".to_owned(), format!("--net={}", self.path()), "--".to_owned()])
    }

    /// Runs lines of `ip` in the namespace, all of them or until one fails.
    fn ip(&self, lines: &str) -> Result<(), NetworkError> {
        let not_run = |error| NetworkError::not_run("ip", error);
        let mut command = self.launcher().command("ip");
        command.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(not_run)?;
        if let Some(mut stdin) = child.stdin.take() {
            // Where it reads no more it has failed, and says why.
            stdin.write_all(lines.as_bytes()).ok();
        }
        let output = child.wait_with_output().map_err(not_run)?;
        if output.status.success() {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(NetworkError::Refused { lines: lines.to_owned(), answer })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// Why a network could not be made or changed.
#[derive(Debug)]
pub enum NetworkError {
    /// A program could not be run on this machine: install it.
    NotRun {
        /// The program.
        program: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system makes no network namespace for this user: run the test as root, in a container with the
    /// capabilities `SYS_ADMIN` and `NET_ADMIN`.
    NotPermitted,
    /// `ip` refused what it was told: the test's doing, or the kernel lacks bridges or pairs of virtual devices.
    Refused {
        /// What it was told.
        lines: String,
        /// What it answered.
        answer: String,
    },
    /// No thread could be started on a host.
    NoThread(io::Error),
    /// More hosts than [`HOSTS_MAX`] were asked for.
    TooManyHosts {
        /// How many.
        asked: usize,
    },
}

impl NetworkError {
    fn not_run(program: &'static str, source: io::Error) -> Self {
        Self::NotRun { program, source }
    }

    fn no_thread(error: impl Into<io::Error>) -> Self {
        Self::NoThread(error.into())
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun { program, source } => write!(f, "cannot run {program}: {source}"),
            Self::NotPermitted => f.write_str("no network namespace may be made here: root is needed"),
            Self::Refused { lines, answer } => write!(f, "ip answered {answer:?} to {lines:?}"),
            Self::NoThread(source) => write!(f, "no thread on the host: {source}"),
            Self::TooManyHosts { asked } => write!(f, "{asked} hosts are more than {HOSTS_MAX}"),
        }
    }
}

impl Error for NetworkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotRun { source, .. } | Self::NoThread(source) => Some(source),
            Self::NotPermitted | Self::Refused { .. } | Self::TooManyHosts { .. } => None,
        }
    }
}
