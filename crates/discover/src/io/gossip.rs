//! The strategy that gossips over UDP, as libcluster's `Gossip` does.

use super::interval::within;
use crate::candidate::{Candidate, LeftOut, Snapshot, StrategyError};
use crate::core::CANDIDATES_MAX;
use crate::gossip::{Key, PACKET_BYTES_MAX, heartbeat, read};
use crate::strategy::{Next, Strategy};
use engset_process::Scheduler;
use engset_term::Instant;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

const PORT: u16 = 45_892;
const MULTICAST_ADDR: Ipv4Addr = Ipv4Addr::new(233, 252, 1, 32);
/// The longest time between two heartbeats of a node, unless told otherwise.
const HEARTBEAT_MAX: Duration = Duration::from_secs(5);
/// A node that is silent for so many times that is found no more.
const SILENT_HEARTBEATS: u32 = 12;

/// Nodes that say by UDP that they are there. The packets and options are those of libcluster's `Gossip`: `port` 45892,
/// `if_addr` 0.0.0.0, `multicast_addr` 233.252.1.32, `multicast_if` none, `multicast_ttl` 1, `broadcast_only` false,
/// `secret` none.
///
/// Who sends heartbeats makes this node dial the name in them; whether the two talk is the cookie's matter. With a
/// secret only who knows it is listened to. A node is found until it has been silent for a minute.
///
/// ```
/// use engset_discover::{Discovery, Gossip};
///
/// let discovery = Discovery::new().with(Gossip::new("shop@10.0.0.1").secret("somepassword"));
/// # drop(discovery);
/// ```
#[derive(Debug)]
pub struct Gossip {
    own: String,
    port: u16,
    if_addr: Ipv4Addr,
    multicast_addr: Ipv4Addr,
    multicast_if: Ipv4Addr,
    multicast_ttl: u32,
    broadcast_only: bool,
    key: Option<Key>,
    heartbeat_max: Duration,
    socket: Option<UdpSocket>,
    beat: Instant,
    heard: BTreeMap<String, (IpAddr, Instant)>,
    malformed: u64,
    without_place: u64,
    last_refused: Option<LeftOut>,
    told: bool,
}

impl Gossip {
    /// Tells others of the node named `own`, and listens to them; with an empty name it only listens.
    pub fn new(own: impl Into<String>) -> Self {
        Self {
            own: own.into(),
            port: PORT,
            if_addr: Ipv4Addr::UNSPECIFIED,
            multicast_addr: MULTICAST_ADDR,
            multicast_if: Ipv4Addr::UNSPECIFIED,
            multicast_ttl: 1,
            broadcast_only: false,
            key: None,
            heartbeat_max: HEARTBEAT_MAX,
            socket: None,
            beat: Instant::ZERO,
            heard: BTreeMap::new(),
            malformed: 0,
            without_place: 0,
            last_refused: None,
            told: false,
        }
    }

    /// Sets the UDP port, which all nodes share.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the address to receive at; without, all of this machine.
    #[must_use]
    pub fn if_addr(mut self, address: Ipv4Addr) -> Self {
        self.if_addr = address;
        self
    }

    /// Sets the group, or with [`Gossip::broadcast_only`] the broadcast address.
    #[must_use]
    pub fn multicast_addr(mut self, address: Ipv4Addr) -> Self {
        self.multicast_addr = address;
        self
    }

    /// Sets the address of the interface to send to the group by; without, the operating system chooses.
    #[must_use]
    pub fn multicast_if(mut self, address: Ipv4Addr) -> Self {
        self.multicast_if = address;
        self
    }

    /// Sets how many routers a packet may pass; 1 keeps it in the local network.
    #[must_use]
    pub fn multicast_ttl(mut self, ttl: u32) -> Self {
        self.multicast_ttl = ttl;
        self
    }

    /// Sends to a broadcast address and joins no group.
    #[must_use]
    pub fn broadcast_only(mut self, broadcast_only: bool) -> Self {
        self.broadcast_only = broadcast_only;
        self
    }

    /// Sets the secret that all nodes of the gossip share. It is never printed.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.key = Some(Key::new(secret));
        self
    }

    /// Sets the longest time between two heartbeats, of which each waits a random part; without, 5 s. At least 50 ms.
    #[must_use]
    pub fn heartbeat_max(mut self, interval: Duration) -> Self {
        self.heartbeat_max = interval.max(super::interval::INTERVAL_MIN);
        self
    }

    fn open(&self) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Several nodes of one machine listen at the same port.
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((self.if_addr, self.port)).into())?;
        if !self.broadcast_only {
            socket.set_multicast_ttl_v4(self.multicast_ttl)?;
            socket.set_multicast_loop_v4(true)?;
            if !self.multicast_if.is_unspecified() {
                socket.set_multicast_if_v4(&self.multicast_if)?;
            }
            socket.join_multicast_v4(&self.multicast_addr, &self.multicast_if)?;
        }
        UdpSocket::from_std(socket.into())
    }

    /// Sends and receives until there is something to tell.
    async fn gossip(&mut self, clock: &Scheduler) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open()?,
        };
        let mut buffer = vec![0; PACKET_BYTES_MAX + 1];
        let mut changed = !self.told;
        loop {
            let now = clock.now();
            if now >= self.beat {
                let mut vector = [0; 16];
                getrandom::fill(&mut vector).map_err(|error| io::Error::other(error.to_string()))?;
                if !self.own.is_empty() {
                    let packet = heartbeat(&self.own, self.key.as_ref(), vector);
                    socket.send_to(&packet, (self.multicast_addr, self.port)).await?;
                }
                self.beat = now.saturating_add(self.wait()?);
                changed |= self.forget_silent(now);
            }
            if changed {
                self.socket = Some(socket);
                return Ok(());
            }
            let patience = self.beat.saturating_duration_since(now);
            if let Some(received) = within(clock, patience, socket.recv_from(&mut buffer)).await {
                let (length, from) = received?;
                changed = self.receive(clock.now(), &buffer[..length], from.ip());
            }
        }
    }

    /// A random part of the time between heartbeats, so that nodes do not send together.
    fn wait(&self) -> io::Result<Duration> {
        let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(self.heartbeat_max.mul_f64(f64::from(random) / f64::from(u32::MAX)))
    }

    /// Takes a packet; whether something is new.
    fn receive(&mut self, now: Instant, packet: &[u8], from: IpAddr) -> bool {
        match read(packet, self.key.as_ref()) {
            Ok(name) if name == self.own => false,
            Ok(name) if self.heard.len() < CANDIDATES_MAX || self.heard.contains_key(&name) => {
                self.heard.insert(name, (from, now)).is_none()
            }
            Ok(_) => {
                self.without_place += 1;
                false
            }
            Err(malformed) => {
                self.malformed += 1;
                let refused = Some(LeftOut::new(&format!("a packet from {from}"), &malformed.to_string()));
                let is_new = self.last_refused != refused;
                self.last_refused = refused;
                is_new
            }
        }
    }

    fn forget_silent(&mut self, now: Instant) -> bool {
        let before = self.heard.len();
        let patience = self.heartbeat_max.saturating_mul(SILENT_HEARTBEATS);
        self.heard.retain(|_, (_, heard)| now.saturating_duration_since(*heard) <= patience);
        self.heard.len() != before
    }

    fn snapshot(&self) -> Snapshot {
        let candidate = |(name, (from, _)): (&String, &(IpAddr, Instant))| Candidate {
            name: name.clone(),
            address: Some(*from),
            tcp_port: None,
            found_in: format!("a heartbeat from {from}"),
        };
        let how = if self.key.is_some() { "encrypted" } else { "plain" };
        Snapshot {
            candidates: self.heard.iter().map(candidate).collect(),
            refused: self.last_refused.iter().cloned().collect(),
            query: format!("{how} heartbeats to {}:{}", self.multicast_addr, self.port),
            answer: format!(
                "{} nodes heard, {} packets refused, {} without a place",
                self.heard.len(),
                self.malformed,
                self.without_place
            ),
        }
    }
}

impl Strategy for Gossip {
    fn source(&self) -> String {
        format!("gossip {}:{}", self.multicast_addr, self.port)
    }

    fn next<'a>(&'a mut self, clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            let gossiped = self.gossip(clock).await;
            // After an error that it is over is news, also where nothing else is.
            self.told = gossiped.is_ok();
            match gossiped {
                Ok(()) => Ok(self.snapshot()),
                Err(error) => Err(StrategyError::new(&format!(
                    "the gossip at {}:{} cannot be sent or heard: {error}; check that the network has a route for it and the port is free, or use broadcast_only",
                    self.multicast_addr, self.port
                ))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{CANDIDATES_MAX, Gossip, HEARTBEAT_MAX, SILENT_HEARTBEATS};
    use crate::gossip::heartbeat;
    use crate::strategy::Strategy;
    use engset_process::{Scheduler, ThreadsConfig};
    use engset_term::Instant;
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};
    use std::sync::mpsc;
    use std::time::Duration;

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn as_many_nodes_are_heard_as_there_are_places() {
        let mut gossip = Gossip::new("own@h");
        for number in 0..CANDIDATES_MAX {
            assert!(gossip.receive(Instant::ZERO, &heartbeat(&format!("n{number}@h"), None, [0; 16]), FROM));
        }
        assert!(!gossip.receive(Instant::ZERO, &heartbeat("one-more@h", None, [0; 16]), FROM));
        assert!(!gossip.receive(Instant::ZERO, &heartbeat("n1@h", None, [0; 16]), FROM));
        assert_eq!((gossip.heard.len(), gossip.without_place), (CANDIDATES_MAX, 1));
    }

    #[test]
    fn malformed_packets_are_counted_and_told_once() {
        let mut gossip = Gossip::new("own@h");
        assert!(gossip.receive(Instant::ZERO, b"nonsense", FROM));
        assert!(!gossip.receive(Instant::ZERO, b"nonsense", FROM));
        assert_eq!(gossip.malformed, 2);
        assert_eq!(gossip.snapshot().refused[0].what, "a packet from 127.0.0.1");
        assert!(!gossip.receive(Instant::ZERO, &heartbeat("own@h", None, [0; 16]), FROM));
    }

    #[test]
    fn silent_nodes_are_forgotten_after_a_minute() {
        let mut gossip = Gossip::new("own@h");
        gossip.receive(Instant::ZERO, &heartbeat("a@h", None, [0; 16]), FROM);
        let last = Instant::ZERO.saturating_add(HEARTBEAT_MAX * SILENT_HEARTBEATS);
        assert!(!gossip.forget_silent(last));
        assert!(gossip.forget_silent(last.saturating_add(HEARTBEAT_MAX)));
        assert!(gossip.snapshot().candidates.is_empty());
    }

    /// A gossip from one address of the loopback to another, and who listens there.
    fn whispering(own: &str) -> (Gossip, UdpSocket) {
        let to = Ipv4Addr::new(127, 0, 0, 2);
        let listener = UdpSocket::bind((to, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let gossip = Gossip::new(own).broadcast_only(true).multicast_addr(to).if_addr(Ipv4Addr::LOCALHOST);
        (gossip.port(listener.local_addr().unwrap().port()), listener)
    }

    /// The next answer, whether it is one; none after ten seconds.
    fn next(mut gossip: Gossip) -> Option<(Gossip, bool)> {
        let scheduler = Scheduler::threads_with(ThreadsConfig::new(1)).unwrap();
        let (clock, (sender, receiver)) = (scheduler.clone(), mpsc::channel());
        scheduler.spawn_task(async move {
            let is_answer = gossip.next(&clock).await.is_ok();
            drop(sender.send((gossip, is_answer)));
        });
        let answered = receiver.recv_timeout(Duration::from_secs(10)).ok();
        if let Scheduler::Threads(threads) = &scheduler {
            threads.shutdown();
        }
        answered.map(|(gossip, is_answer)| (Gossip { socket: None, ..gossip }, is_answer))
    }

    #[test]
    fn it_answers_again_as_soon_as_an_error_is_over() {
        let (gossip, _listener) = whispering("own@h");
        let elsewhere = gossip.if_addr(Ipv4Addr::new(203, 0, 113, 1));
        let (gossip, is_answer) = next(elsewhere).expect("it cannot be there");
        assert!(!is_answer);
        let (_, is_answer) = next(gossip.if_addr(Ipv4Addr::LOCALHOST)).expect("it is told that it can");
        assert!(is_answer);
    }

    #[test]
    fn who_has_no_name_only_listens() {
        let mut buffer = [0; 100];
        for (own, is_heard) in [("own@h", true), ("", false)] {
            let (gossip, listener) = whispering(own);
            next(gossip).expect("it answers");
            assert_eq!(listener.recv(&mut buffer).is_ok(), is_heard, "{own:?}");
        }
    }
}
