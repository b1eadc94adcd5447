//! The server side of EPMD as one value: the same answers as the stock daemon, harder limits, no socket.
//!
//! The owner tells it about connections (`handle_open`, `handle_bytes`, `handle_close`), writes what
//! [`Server::poll_transmit`] gives for a connection, and closes those that [`Server::poll_close`] names.
//! A connection is named only after its last answer was taken; it is forgotten then.
//!
//! Registrations, DUMP, KILL and STOP are for connections from this machine only.

use super::messages::{
    BIG_CREATION_VERSION, EPMD_TCP_PORT, NodeEntry, REQUEST_BYTES_MAX, Request, RequestError, encode_alive,
    encode_port,
};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;
use engset_term::Instant;

/// How many creations of former names are remembered, as the stock daemon does.
pub const REMEMBERED_NAMES_MAX: usize = 1_000;
/// Creations below this one are reserved.
const CREATION_MIN: u32 = 4;

/// The owner's name for a connection; must not be used twice. Shown as `fd` in the answer to DUMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Settings of a [`Server`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The port this server listens on, which NAMES and DUMP state.
    pub epmd_tcp_port: u16,
    /// Where creations of new names start; seconds of the wall clock, as the stock daemon takes it.
    pub creation_start: u32,
    /// Most connections at one time, registrations included.
    pub connections_max: usize,
    /// Of these, how many of one address may be slow to say what they want; when another of that address comes, the
    /// oldest give way. Registrations do not count.
    pub slow_per_address_max: usize,
    /// A connection that has said nothing whole for so long is slow.
    pub slow_after: Duration,
    /// A connection that has sent nothing for so long is closed.
    pub first_byte_within: Duration,
    /// A connection without a complete request after so long is closed.
    pub request_within: Duration,
    /// The stock daemon's `-relaxed_command_check`: obey KILL with registered nodes, and STOP.
    pub relaxed_command_check: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            epmd_tcp_port: EPMD_TCP_PORT,
            creation_start: CREATION_MIN,
            connections_max: 512,
            slow_per_address_max: 16,
            slow_after: Duration::from_millis(500),
            first_byte_within: Duration::from_secs(2),
            request_within: Duration::from_secs(5),
            relaxed_command_check: false,
        }
    }
}

/// Why a connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The request was answered.
    Answered,
    /// The client sent no request this server knows.
    BadRequest(RequestError),
    /// More bytes than the request said.
    TrailingBytes,
    /// The request is for connections from this machine only, or needs relaxed command checks.
    NotAllowed,
    /// No complete request in time.
    Timeout,
    /// The connection was the oldest idle one, of all or of its address, when a new one needed its place.
    Evicted,
    /// All places are taken by registered nodes.
    Full,
    /// A byte on the connection of a registered node ended the registration.
    Unregistered,
    /// STOP ended the registration.
    Stopped,
}

/// The name service of one machine.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    started: Instant,
    connections: BTreeMap<ConnId, Connection>,
    nodes: BTreeMap<String, Node>,
    /// Names that are no longer registered, the one longest gone first.
    former: VecDeque<Former>,
    closing: VecDeque<(ConnId, CloseReason)>,
    registrations: u64,
    stop_requested: bool,
}

#[derive(Debug)]
struct Connection {
    opened: Instant,
    loopback: bool,
    address: Option<IpAddr>,
    received: Vec<u8>,
    transmit: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading,
    Registered { name: String },
    Closing,
}

#[derive(Debug)]
struct Node {
    entry: NodeEntry,
    creation: u32,
    owner: ConnId,
    /// Counts registrations, so that lists are newest first.
    order: u64,
}

#[derive(Debug)]
struct Former {
    name: String,
    tcp_port: u16,
    creation: u32,
    owner: ConnId,
}

impl Server {
    /// A server without nodes.
    #[must_use]
    pub fn new(now: Instant, config: ServerConfig) -> Self {
        Self {
            config,
            started: now,
            connections: BTreeMap::new(),
            nodes: BTreeMap::new(),
            former: VecDeque::new(),
            closing: VecDeque::new(),
            registrations: 0,
            stop_requested: false,
        }
    }

    /// A connection was accepted, from `address`.
    pub fn handle_open_from(&mut self, now: Instant, id: ConnId, address: IpAddr) {
        self.evict_slow(now, address);
        self.open(now, id, (address.is_loopback(), Some(address)));
    }

    /// A connection was accepted of which no address is known; `loopback` says that it comes from this machine.
    pub fn handle_open(&mut self, now: Instant, id: ConnId, loopback: bool) {
        self.open(now, id, (loopback, None));
    }

    fn open(&mut self, now: Instant, id: ConnId, (loopback, address): (bool, Option<IpAddr>)) {
        let connection = Connection {
            opened: now,
            loopback,
            address,
            received: Vec::new(),
            transmit: Vec::new(),
            state: State::Reading,
        };
        let full = self.connections.len() >= self.config.connections_max;
        let may_enter = !full || self.evict_oldest_idle();
        self.connections.insert(id, connection);
        if !may_enter {
            self.close(id, CloseReason::Full);
        }
    }

    /// Bytes arrived. Afterwards take `poll_transmit` of this connection and drain `poll_close`.
    pub fn handle_bytes(&mut self, now: Instant, id: ConnId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if bytes.is_empty() {
            return;
        }
        match &connection.state {
            State::Closing => {}
            State::Registered { name } => {
                let name = name.clone();
                self.unregister(&name);
                self.close(id, CloseReason::Unregistered);
            }
            State::Reading => {
                let room = REQUEST_BYTES_MAX.saturating_add(3).saturating_sub(connection.received.len());
                connection.received.extend(bytes.iter().take(room));
                match complete_request(&connection.received) {
                    Ok(None) => {}
                    Ok(Some(body)) => {
                        let body = body.to_vec();
                        self.handle_request(now, id, &body);
                    }
                    Err(reason) => self.close(id, reason),
                }
            }
        }
    }

    /// The other side closed, or the owner did: a registration ends with its connection.
    pub fn handle_close(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.remove(&id)
            && let State::Registered { name } = connection.state
        {
            self.unregister(&name);
        }
        self.closing.retain(|(closing, _)| *closing != id);
    }

    /// Bytes to write on this connection.
    pub fn poll_transmit(&mut self, id: ConnId) -> Option<Vec<u8>> {
        let connection = self.connections.get_mut(&id)?;
        let out = core::mem::take(&mut connection.transmit);
        (!out.is_empty()).then_some(out)
    }

    /// A connection to close now; everything for it has been taken from `poll_transmit`.
    pub fn poll_close(&mut self) -> Option<(ConnId, CloseReason)> {
        let taken = |id: &ConnId| self.connections.get(id).is_none_or(|c| c.transmit.is_empty());
        let at = self.closing.iter().position(|(id, _)| taken(id))?;
        let (id, reason) = self.closing.remove(at)?;
        self.connections.remove(&id);
        Some((id, reason))
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.connections.values().filter_map(|connection| self.deadline(connection)).min()
    }

    /// Closes connections whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late = |connection| self.deadline(connection).is_some_and(|deadline| deadline <= now);
        let late: Vec<_> =
            self.connections.iter().filter(|(_, connection)| late(connection)).map(|(id, _)| *id).collect();
        for id in late {
            self.close(id, CloseReason::Timeout);
        }
    }

    /// Whether a KILL was answered with `OK`: the owner decides what that means.
    #[must_use]
    pub fn is_stop_requested(&self) -> bool {
        self.stop_requested
    }

    /// The registered nodes and their creations, newest first.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeEntry, u32)> {
        self.newest_first().into_iter().map(|node| (&node.entry, node.creation))
    }

    /// How many connections are open, registrations included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    fn handle_request(&mut self, now: Instant, id: ConnId, body: &[u8]) {
        let loopback = self.connections.get(&id).is_some_and(|connection| connection.loopback);
        let request = match Request::parse(body) {
            Ok(request) => request,
            Err(RequestError::Refused { highest_version, .. }) if loopback => {
                // As the stock daemon does: the answer is a refusal, the connection is left to the client.
                self.transmit(id, &encode_alive(highest_version, None));
                return self.forget_received(id);
            }
            Err(error) => return self.close(id, CloseReason::BadRequest(error)),
        };
        match request {
            Request::PortPlease(name) => {
                let answer = encode_port(self.nodes.get(&name).map(|node| &node.entry));
                self.answer(id, &answer);
            }
            Request::Names => {
                let answer = self.names_text();
                self.answer(id, &answer);
            }
            Request::Register(_) | Request::Dump | Request::Kill | Request::Stop(_) if !loopback => {
                self.close(id, CloseReason::NotAllowed);
            }
            Request::Register(entry) => self.register(now, id, entry),
            Request::Dump => {
                let answer = self.dump_text();
                self.answer(id, &answer);
            }
            Request::Kill => {
                let obey = self.config.relaxed_command_check || self.nodes.is_empty();
                self.stop_requested |= obey;
                self.answer(id, if obey { b"OK" } else { b"NO" });
            }
            Request::Stop(_) if !self.config.relaxed_command_check => {
                self.close(id, CloseReason::NotAllowed);
            }
            Request::Stop(name) => {
                let owner = self.nodes.get(&name).map(|node| node.owner);
                self.answer(id, if owner.is_some() { b"STOPPED" } else { b"NOEXIST" });
                if let Some(owner) = owner {
                    self.unregister(&name);
                    self.close(owner, CloseReason::Stopped);
                }
            }
        }
    }

    fn register(&mut self, now: Instant, id: ConnId, entry: NodeEntry) {
        let highest_version = entry.highest_version;
        if self.nodes.contains_key(&entry.name) {
            self.transmit(id, &encode_alive(highest_version, None));
            return self.forget_received(id);
        }
        let creation = self.next_creation(now, &entry.name);
        let name = entry.name.clone();
        self.registrations = self.registrations.saturating_add(1);
        let node = Node { entry, creation, owner: id, order: self.registrations };
        self.nodes.insert(name.clone(), node);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.state = State::Registered { name };
            connection.received = Vec::new();
        }
        let big = highest_version >= BIG_CREATION_VERSION;
        let told = if big { creation } else { (creation % 3).saturating_add(1) };
        self.transmit(id, &encode_alive(highest_version, Some(told)));
    }

    /// A remembered name counts on; a new one starts at the clock.
    fn next_creation(&mut self, now: Instant, name: &str) -> u32 {
        let remembered = self.former.iter().position(|former| former.name == name);
        let next = match remembered.and_then(|at| self.former.remove(at)) {
            Some(former) => former.creation.wrapping_add(1),
            None => {
                let seconds = now.saturating_duration_since(self.started).as_secs();
                let seconds = u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or(0);
                self.config.creation_start.wrapping_add(seconds)
            }
        };
        if next < CREATION_MIN { CREATION_MIN } else { next }
    }

    fn unregister(&mut self, name: &str) {
        if let Some((name, node)) = self.nodes.remove_entry(name) {
            if self.former.len() >= REMEMBERED_NAMES_MAX {
                self.former.pop_front();
            }
            let Node { entry, creation, owner, .. } = node;
            self.former.push_back(Former { name, tcp_port: entry.tcp_port, creation, owner });
        }
    }

    /// Closes slow connections of this address until there is room for one that becomes slow.
    fn evict_slow(&mut self, now: Instant, address: IpAddr) {
        let is_slow = |connection: &Connection| {
            connection.address == Some(address)
                && matches!(connection.state, State::Reading)
                && connection.opened.saturating_add(self.config.slow_after) <= now
        };
        let slow = self.connections.iter().filter(|(_, connection)| is_slow(connection));
        let mut slow: Vec<_> = slow.map(|(id, connection)| (connection.opened, *id)).collect();
        let too_many = slow.len().saturating_add(1).saturating_sub(self.config.slow_per_address_max);
        slow.sort_unstable();
        for (_, id) in slow.into_iter().take(too_many) {
            self.close(id, CloseReason::Evicted);
        }
    }

    fn evict_oldest_idle(&mut self) -> bool {
        let idle = self.connections.iter().filter(|(_, c)| matches!(c.state, State::Reading));
        let oldest = idle.min_by_key(|(id, connection)| (connection.opened, **id)).map(|(id, _)| *id);
        match oldest {
            Some(id) => {
                self.close(id, CloseReason::Evicted);
                true
            }
            // Connections on their way out give way by themselves.
            None => self.connections.values().any(|c| matches!(c.state, State::Closing)),
        }
    }

    fn deadline(&self, connection: &Connection) -> Option<Instant> {
        match connection.state {
            State::Reading if connection.received.is_empty() && connection.transmit.is_empty() => {
                let within = self.config.first_byte_within.min(self.config.request_within);
                Some(connection.opened.saturating_add(within))
            }
            State::Reading => Some(connection.opened.saturating_add(self.config.request_within)),
            State::Registered { .. } | State::Closing => None,
        }
    }

    fn answer(&mut self, id: ConnId, bytes: &[u8]) {
        self.transmit(id, bytes);
        self.close(id, CloseReason::Answered);
    }

    fn transmit(&mut self, id: ConnId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.transmit.extend_from_slice(bytes);
        }
    }

    /// After a refused registration the client may try again on the same connection, until its time is over.
    fn forget_received(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.received.clear();
        }
    }

    fn close(&mut self, id: ConnId, reason: CloseReason) {
        if let Some(connection) = self.connections.get_mut(&id)
            && !matches!(connection.state, State::Closing)
        {
            connection.state = State::Closing;
            connection.received = Vec::new();
            self.closing.push_back((id, reason));
        }
    }

    fn newest_first(&self) -> Vec<&Node> {
        let mut nodes: Vec<_> = self.nodes.values().collect();
        nodes.sort_by_key(|node| core::cmp::Reverse(node.order));
        nodes
    }

    fn names_text(&self) -> Vec<u8> {
        let mut out = u32::from(self.config.epmd_tcp_port).to_be_bytes().to_vec();
        for node in self.newest_first() {
            let line = format!("name {} at port {}\n", node.entry.name, node.entry.tcp_port);
            out.extend_from_slice(line.as_bytes());
        }
        out
    }

    fn dump_text(&self) -> Vec<u8> {
        let mut text = String::new();
        for node in self.newest_first() {
            let (name, tcp_port, fd) = (&node.entry.name, node.entry.tcp_port, node.owner.0);
            text.push_str(&format!("active name     <{name}> at port {tcp_port}, fd = {fd}\n\0"));
        }
        for former in &self.former {
            let (name, tcp_port, fd) = (&former.name, former.tcp_port, former.owner.0);
            text.push_str(&format!("old/unused name <{name}>, port = {tcp_port}, fd = {fd} \n\0"));
        }
        let mut out = u32::from(self.config.epmd_tcp_port).to_be_bytes().to_vec();
        out.extend_from_slice(text.as_bytes());
        out
    }
}

/// The body of the request when all of it is there.
fn complete_request(received: &[u8]) -> Result<Option<&[u8]>, CloseReason> {
    let Some((len, rest)) = received.split_first_chunk::<2>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes(*len));
    if len == 0 {
        return Err(CloseReason::BadRequest(RequestError::Empty));
    }
    if len > REQUEST_BYTES_MAX {
        return Err(CloseReason::BadRequest(RequestError::TooLong { len }));
    }
    match rest.len().cmp(&len) {
        core::cmp::Ordering::Less => Ok(None),
        core::cmp::Ordering::Equal => Ok(Some(rest)),
        core::cmp::Ordering::Greater => Err(CloseReason::TrailingBytes),
    }
}
