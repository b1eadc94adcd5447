//! Who may come in before having proven anything: places in all, and for each address how many are slow, how many
//! fail, and how many guess the cookie.
//!
//! Peers with the right cookie are never counted against their address, however many and however quick they are: only
//! connections that end without proof are, and those that say nothing for long.

use engset_term::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Incoming connections that have not finished their handshake, at a time, unless configured otherwise.
pub const HANDSHAKES_MAX: usize = 256;
/// Addresses of which a node remembers failures; one more makes it forget the one that has been quiet for longest.
pub const ADDRESSES_MAX: usize = 4_096;

/// How long failures are counted together.
const FAILURES_WINDOW: Duration = Duration::from_secs(1);
/// How long guesses are counted together.
const GUESSES_WINDOW: Duration = Duration::from_secs(60);

/// Limits of what strangers may begin. An IPv6 address stands for its network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Incoming connections in the middle of their handshake, at a time. One more takes the place of the oldest of the
    /// address that has most.
    pub handshakes_max: usize,
    /// How many of them may be slow, of one address; when another of that address comes, the oldest give way.
    pub slow_per_address_max: usize,
    /// A handshake that takes so long is slow.
    pub slow_after: Duration,
    /// How many connections of one address may end without proof in a second; more are closed unread until it is over.
    pub failures_per_second_max: usize,
    /// How many wrong digests may come from one address in a minute; then all from there is closed unread for
    /// [`Self::refusal`].
    pub guesses_per_minute_max: usize,
    /// How long an address that has guessed too often is refused.
    pub refusal: Duration,
    /// Whether failures and guesses of this machine's own loopback addresses are not held against it: all programs of
    /// the machine share them, so one with a wrong cookie would keep all others out.
    pub spares_loopback: bool,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            handshakes_max: HANDSHAKES_MAX,
            slow_per_address_max: 16,
            slow_after: Duration::from_secs(1),
            failures_per_second_max: 64,
            guesses_per_minute_max: 10,
            refusal: Duration::from_secs(60),
            spares_loopback: true,
        }
    }
}

/// A connection before its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestId(u64);

/// What becomes of a connection that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// It has a place; these have lost theirs and are to be closed.
    Place {
        /// The name of the place, for [`Admission::handle_end`].
        guest: GuestId,
        /// Whoever lost a place.
        evicted: Vec<GuestId>,
    },
    /// It is to be closed unread.
    Refused {
        /// Why.
        why: Refusal,
        /// Whether it is the first of its address that is refused for this reason: worth a line in the log.
        is_first: bool,
    },
}

/// Why a connection is closed unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many connections of its address failed within a second.
    Failures {
        /// The limit.
        limit: usize,
    },
    /// Too many wrong digests came from its address within a minute.
    Guesses {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { limit } => {
                write!(
                    f,
                    "{limit} connections from there failed within a second; more are not read until it is over"
                )
            }
            Self::Guesses { limit } => write!(
                f,
                "{limit} wrong cookies came from there within a minute; nobody there is read for a while; set the same cookie on all nodes"
            ),
        }
    }
}

/// How a connection before its proof ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The peer has proven who it is.
    Proven,
    /// For a reason that is no fault, such as a duplicate or a connection the other way.
    Settled,
    /// Without proof.
    Failed,
    /// With a digest of another cookie.
    Guessed,
}

/// What strangers did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdmissionCounts {
    /// Connections that lost their place to another.
    pub evicted: u64,
    /// Connections that were closed unread.
    pub refused: u64,
    /// Connections that ended without proof, guesses among them.
    pub failed: u64,
    /// Connections that ended with the digest of another cookie.
    pub guessed: u64,
}

/// The connections before their proof, and what is remembered of their addresses.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    last: u64,
    open: BTreeMap<GuestId, (Option<IpAddr>, Instant)>,
    addresses: BTreeMap<IpAddr, Address>,
    counts: AdmissionCounts,
}

/// What is remembered of an address.
#[derive(Debug, Default)]
struct Address {
    /// Oldest first.
    open: BTreeSet<GuestId>,
    failures: Window,
    guesses: Window,
    /// Until when it is refused, and whether anybody has been yet.
    refused_until: Option<Instant>,
    was_told: bool,
    touched: Instant,
}

/// A count that begins anew when its time is over.
#[derive(Debug, Default)]
struct Window {
    since: Instant,
    count: usize,
}

impl Admission {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(config: AdmissionConfig) -> Self {
        let counts = AdmissionCounts::default();
        Self { config, last: 0, open: BTreeMap::new(), addresses: BTreeMap::new(), counts }
    }

    /// A connection came in, from `address` where the carrier has any.
    pub fn handle_open(&mut self, now: Instant, address: Option<IpAddr>) -> Entry {
        let address = address.map(network);
        if let Some(ip) = address {
            self.make_room(now, ip);
            if let Some((why, is_first)) = self.refusal(now, ip) {
                self.counts.refused = self.counts.refused.saturating_add(1);
                return Entry::Refused { why, is_first };
            }
        }
        let mut evicted = Vec::new();
        address.into_iter().for_each(|ip| self.evict_slow(now, ip, &mut evicted));
        if self.open.len() >= self.config.handshakes_max
            && let Some(guest) = self.most_crowded()
        {
            self.leave(now, guest);
            evicted.push(guest);
        }
        self.counts.evicted = self.counts.evicted.saturating_add(evicted.len() as u64);
        self.last += 1;
        let guest = GuestId(self.last);
        self.open.insert(guest, (address, now));
        if let Some(ip) = address {
            let known = self.addresses.entry(ip).or_default();
            known.open.insert(guest);
            known.touched = now;
        }
        Entry::Place { guest, evicted }
    }

    /// A connection has proven itself or ended. Without effect for one that has lost its place.
    pub fn handle_end(&mut self, now: Instant, guest: GuestId, end: End) {
        let Some((address, _)) = self.open.get(&guest).copied() else { return };
        self.leave(now, guest);
        let (has_failed, has_guessed) = (matches!(end, End::Failed | End::Guessed), end == End::Guessed);
        self.counts.failed = self.counts.failed.saturating_add(has_failed.into());
        self.counts.guessed = self.counts.guessed.saturating_add(has_guessed.into());
        if let Some(ip) = address
            && has_failed
        {
            self.blame(now, ip, has_guessed);
        }
    }

    /// How many have a place.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Of how many addresses anything is remembered.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.addresses.len()
    }

    /// What strangers did so far.
    #[must_use]
    pub fn counts(&self) -> AdmissionCounts {
        self.counts
    }

    fn refusal(&mut self, now: Instant, ip: IpAddr) -> Option<(Refusal, bool)> {
        let config = self.config;
        let known = self.addresses.get_mut(&ip)?;
        let why = if known.refused_until.is_some_and(|until| now < until) {
            Refusal::Guesses { limit: config.guesses_per_minute_max }
        } else if known.failures.count(now, FAILURES_WINDOW) >= config.failures_per_second_max {
            Refusal::Failures { limit: config.failures_per_second_max }
        } else {
            known.was_told = false;
            return None;
        };
        let is_first = !std::mem::replace(&mut known.was_told, true);
        Some((why, is_first))
    }

    /// Notes a failure, unless the address is spared.
    fn blame(&mut self, now: Instant, ip: IpAddr, has_guessed: bool) {
        if self.config.spares_loopback && ip.is_loopback() {
            return;
        }
        let config = self.config;
        self.make_room(now, ip);
        let known = self.addresses.entry(ip).or_default();
        known.touched = now;
        known.failures.add(now, FAILURES_WINDOW);
        if has_guessed {
            known.guesses.add(now, GUESSES_WINDOW);
            if known.guesses.count(now, GUESSES_WINDOW) >= config.guesses_per_minute_max {
                known.guesses = Window::default();
                known.refused_until = Some(now.saturating_add(config.refusal));
                known.was_told = false;
            }
        }
    }

    /// Takes the places of slow ones of this address until there is room for one that becomes slow.
    fn evict_slow(&mut self, now: Instant, ip: IpAddr, evicted: &mut Vec<GuestId>) {
        let Some(known) = self.addresses.get(&ip) else { return };
        let is_slow = |guest: &&GuestId| {
            let since = self.open.get(guest).map(|(_, since)| *since);
            since.is_some_and(|since| since.saturating_add(self.config.slow_after) <= now)
        };
        let slow: Vec<GuestId> = known.open.iter().take_while(is_slow).copied().collect();
        let too_many = slow.len().saturating_add(1).saturating_sub(self.config.slow_per_address_max);
        for guest in slow.into_iter().take(too_many) {
            self.leave(now, guest);
            self.blame(now, ip, false);
            self.counts.failed = self.counts.failed.saturating_add(1);
            evicted.push(guest);
        }
    }

    /// The oldest of the address that has most places.
    fn most_crowded(&self) -> Option<GuestId> {
        let mut crowds: BTreeMap<Option<IpAddr>, (usize, GuestId)> = BTreeMap::new();
        for (guest, (address, _)) in &self.open {
            crowds.entry(*address).or_insert((0, *guest)).0 += 1;
        }
        // Of equal crowds, the one with the oldest.
        let most = crowds.into_values().max_by_key(|(size, oldest)| (*size, std::cmp::Reverse(*oldest)));
        most.map(|(_, oldest)| oldest)
    }

    /// Frees a place, and forgets the address of which nothing need be known any more.
    fn leave(&mut self, now: Instant, guest: GuestId) {
        let Some((Some(ip), _)) = self.open.remove(&guest) else { return };
        let Some(known) = self.addresses.get_mut(&ip) else { return };
        known.open.remove(&guest);
        if known.is_blameless(now) {
            self.addresses.remove(&ip);
        }
    }

    /// Makes room for one more address: those of which nothing need be known go, and if that is not enough, the one
    /// that has been quiet for longest, one that is refused last of all.
    fn make_room(&mut self, now: Instant, ip: IpAddr) {
        if self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(&ip) {
            return;
        }
        self.addresses.retain(|_, known| !known.is_blameless(now));
        if self.addresses.len() < ADDRESSES_MAX {
            return;
        }
        let idle = self.addresses.iter().filter(|(_, known)| known.open.is_empty());
        let quiet = idle.min_by_key(|(_, known)| (known.refused_until, known.touched)).map(|(ip, _)| *ip);
        quiet.into_iter().for_each(|ip| drop(self.addresses.remove(&ip)));
    }
}

impl Address {
    fn is_blameless(&self, now: Instant) -> bool {
        self.open.is_empty()
            && self.failures.count(now, FAILURES_WINDOW) == 0
            && self.guesses.count(now, GUESSES_WINDOW) == 0
            && self.refused_until.is_none_or(|until| until <= now)
    }
}

impl Window {
    fn add(&mut self, now: Instant, length: Duration) {
        let count = self.count(now, length);
        if count == 0 {
            self.since = now;
        }
        self.count = count.saturating_add(1);
    }

    fn count(&self, now: Instant, length: Duration) -> usize {
        if self.since.saturating_add(length) > now { self.count } else { 0 }
    }
}

/// What is counted as one address: whoever has an IPv6 address has 2^64 of them.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip => ip,
    }
}

#[cfg(test)]
mod tests;
