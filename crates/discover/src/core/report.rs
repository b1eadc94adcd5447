//! What discovery knows, for people.

use super::Core;
use engset_term::Instant;
use std::net::IpAddr;

/// Something that was found and is no candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was found.
    pub what: Box<str>,
    /// Why it is no candidate.
    pub why: Box<str>,
    /// Who found it.
    pub source: Box<str>,
}

/// All that discovery knows at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The strategies, in the order in which they were added.
    pub sources: Vec<SourceReport>,
    /// The candidates, by name.
    pub known: Vec<Known>,
    /// What was refused, in the order of the strategies' priorities.
    pub refused: Vec<Refused>,
    /// How much more was refused and is not kept.
    pub refused_more: usize,
}

/// What a strategy said last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceReport {
    /// What is asked.
    pub source: Box<str>,
    /// Its priority; lower goes first.
    pub priority: u8,
    /// Whether it has answered at all.
    pub answered: bool,
    /// What it asked last.
    pub query: String,
    /// What it was answered last.
    pub answer: String,
    /// How many candidates its last answer had.
    pub candidates: usize,
    /// Why it has no answer now, while it has none.
    pub error: Option<Box<str>>,
}

/// A candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Its name.
    pub name: Box<str>,
    /// The strategy that counts.
    pub source: Box<str>,
    /// Where that found it.
    pub found_in: String,
    /// Its address, where known.
    pub address: Option<IpAddr>,
    /// Its port, where known.
    pub tcp_port: Option<u16>,
    /// Whether it is connected.
    pub state: KnownState,
    /// Failures since it was last connected.
    pub failures: u32,
    /// Attempts to connect so far.
    pub dials: u64,
    /// Why the last attempt failed.
    pub error: Option<Box<str>>,
}

/// Whether a candidate is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownState {
    /// It is.
    Connected,
    /// An attempt is under way.
    Dialling,
    /// The next attempt is not before this.
    Waiting {
        /// By the node's clock.
        due: Instant,
    },
}

pub(super) fn of(core: &Core) -> Report {
    let sources = core.sources.iter().map(|source| SourceReport {
        source: source.text.clone(),
        priority: source.priority,
        answered: source.answered,
        query: source.query.clone(),
        answer: source.answer.clone(),
        candidates: source.candidates.len(),
        error: source.error.clone(),
    });
    let known = core.entries.iter().filter(|(_, entry)| !entry.gone).map(|(name, entry)| Known {
        name: name.clone(),
        source: core.sources.get(entry.source).map(|source| source.text.clone()).unwrap_or_default(),
        found_in: entry.candidate.found_in.clone(),
        address: entry.candidate.address,
        tcp_port: entry.candidate.tcp_port,
        state: match (core.up.contains(name), entry.dialling) {
            (true, _) => KnownState::Connected,
            (false, true) => KnownState::Dialling,
            (false, false) => KnownState::Waiting { due: entry.due },
        },
        failures: entry.failures,
        dials: entry.dials,
        error: entry.error.clone(),
    });
    Report {
        sources: sources.collect(),
        known: known.collect(),
        refused: core.refused.clone(),
        refused_more: core.refused_more,
    }
}
