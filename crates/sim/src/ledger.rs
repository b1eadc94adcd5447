//! What the processes of a workload did and saw, as the checkers need it.

use engset_process::ExitReason;
use engset_term::{Instant, NodeName, Pid, Reference};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// From whom to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The process that acted.
    pub from: Pid,
    /// On whom it acted.
    pub to: Pid,
}

/// A node lost a stream to a peer, or did not get one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// When.
    pub at: Instant,
    /// Which node.
    pub node: NodeName,
    /// To whom.
    pub peer: NodeName,
}

/// One monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRecord {
    /// Who watches whom.
    pub pair: Pair,
    /// When it was made.
    pub made: Instant,
    /// Whether it was taken back.
    pub demonitored: bool,
    /// The reasons of its down messages; more than one is a fault.
    pub downs: Vec<ExitReason>,
}

/// A trapped exit signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrapRecord {
    /// From whom it came and who got it.
    pub pair: Pair,
    /// Its reason.
    pub reason: ExitReason,
}

/// Everything that was done and seen.
#[derive(Debug, Default)]
pub struct Ledger {
    /// When the messages of each pair were sent; the first has number 0.
    pub sent: BTreeMap<Pair, Vec<Instant>>,
    /// The numbers of the messages that arrived for each pair, with the time, in order of arrival.
    pub received: BTreeMap<Pair, Vec<(usize, Instant)>>,
    /// All monitors.
    pub monitors: BTreeMap<Reference, MonitorRecord>,
    /// All trapped exits.
    pub traps: Vec<TrapRecord>,
    /// How often `from` linked itself to `to`.
    pub links: BTreeMap<Pair, usize>,
    /// How often `from` removed its link to `to`.
    pub unlinks: BTreeMap<Pair, usize>,
    /// How many exit signals `from` sent to `to`.
    pub exits: BTreeMap<Pair, usize>,
    /// Down messages for monitors that had been taken back, or that nobody made.
    pub stray_downs: Vec<(Pid, Reference)>,
}

/// A ledger that processes share with the world.
pub type SharedLedger = Arc<Mutex<Ledger>>;

impl Ledger {
    /// A message is about to be sent: its number.
    pub fn sends(&mut self, pair: Pair, at: Instant) -> usize {
        let sent = self.sent.entry(pair).or_default();
        sent.push(at);
        sent.len() - 1
    }

    /// A message arrived.
    pub fn receives(&mut self, pair: Pair, number: usize, at: Instant) {
        self.received.entry(pair).or_default().push((number, at));
    }

    /// A monitor was made.
    pub fn monitors(&mut self, reference: Reference, pair: Pair, made: Instant) {
        let record = MonitorRecord { pair, made, demonitored: false, downs: Vec::new() };
        self.monitors.insert(reference, record);
    }

    /// A down message arrived.
    pub fn down(&mut self, me: Pid, reference: Reference, reason: ExitReason) {
        match self.monitors.get_mut(&reference) {
            Some(record) if !record.demonitored => record.downs.push(reason),
            Some(_) | None => self.stray_downs.push((me, reference)),
        }
    }
}
