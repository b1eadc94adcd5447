//! Decides whom to connect to and when: the union of what the strategies found, the attempts, and what is told of them.
//!
//! In go snapshots and failures of strategies, ends of attempts, and nodes coming and going; out come actions and
//! changes. Whether a node is connected is only what [`Core::handle_up`] and [`Core::handle_down`] say: the end of an
//! attempt and the loss of the same connection may arrive in either order.

mod report;
#[cfg(test)]
mod tests;
mod union;

use crate::backoff::Backoff;
use crate::candidate::{Candidate, LeftOut, Snapshot, StrategyError, bounded};
use engset_term::Instant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

pub use report::{Known, KnownState, Refused, Report, SourceReport};

/// So many strategies may be asked at the same time.
pub const SOURCES_MAX: usize = 32;
/// So many candidates are known at a time, unless told otherwise.
pub const CANDIDATES_MAX: usize = 1_024;
/// So many refusals are kept at a time with their reasons, unless told otherwise; more are counted.
pub const REFUSED_MAX: usize = 256;
/// So many attempts to connect are under way at a time, unless told otherwise.
pub const DIALS_MAX: usize = 16;

/// Settings of discovery.
///
/// ```
/// use engset_discover::DiscoveryConfig;
///
/// let config = DiscoveryConfig { dials_max: 4, ..DiscoveryConfig::default() };
/// assert!(!config.disconnect_gone);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DiscoveryConfig {
    /// Candidates known at a time; those of strategies of lower priority are refused first. 0 counts as 1.
    pub candidates_max: usize,
    /// Refusals kept with their reasons.
    pub refused_max: usize,
    /// Attempts to connect under way at a time. 0 counts as 1.
    pub dials_max: usize,
    /// Waits between attempts to connect to one candidate.
    pub backoff: Backoff,
    /// Whether a node that no strategy finds any more is disconnected. Without, its connection stays until it breaks,
    /// and is then not made again.
    pub disconnect_gone: bool,
}

impl Default for DiscoveryConfig {
    /// [`CANDIDATES_MAX`], [`REFUSED_MAX`], [`DIALS_MAX`], the default [`Backoff`], and nobody is disconnected.
    fn default() -> Self {
        Self {
            candidates_max: CANDIDATES_MAX,
            refused_max: REFUSED_MAX,
            dials_max: DIALS_MAX,
            backoff: Backoff::default(),
            disconnect_gone: false,
        }
    }
}

/// What the owner of a [`Core`] is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect to this node, and tell [`Core::handle_dial`] how that ended.
    Connect(Box<str>),
    /// Disconnect from this node.
    Disconnect(Box<str>),
}

/// Something that is worth a line in a log, told once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A strategy found a node.
    Found {
        /// Its name.
        name: Box<str>,
        /// The strategy.
        source: Box<str>,
    },
    /// No strategy finds the node any more.
    Gone {
        /// Its name.
        name: Box<str>,
    },
    /// Something that was found is no candidate.
    Refused(Refused),
    /// A strategy has no answer; what it found before stays.
    SourceFailed {
        /// The strategy.
        source: Box<str>,
        /// What failed.
        error: Box<str>,
    },
    /// A strategy that had no answer has one again.
    SourceBack {
        /// The strategy.
        source: Box<str>,
    },
    /// A candidate is connected.
    Connected {
        /// Its name.
        name: Box<str>,
    },
    /// The connection to a candidate was lost.
    Lost {
        /// Its name.
        name: Box<str>,
    },
    /// A candidate could not be reached, and the reason is another than last time.
    NotReached {
        /// Its name.
        name: Box<str>,
        /// Which step failed, and what to do.
        error: Box<str>,
    },
}

/// The pure part of discovery.
///
/// ```
/// use engset_discover::{Action, Candidate, Core, DiscoveryConfig, Snapshot};
/// use engset_term::Instant;
///
/// let mut core = Core::new("a@h", DiscoveryConfig::default(), 1);
/// let source = core.add_source("a list", 0).expect("room for one");
/// let candidates = vec![Candidate::named("a@h", "line 1"), Candidate::named("b@h", "line 2")];
/// core.handle_snapshot(Instant::ZERO, source, Snapshot { candidates, ..Snapshot::default() });
/// // The own name is refused; the other is dialled at once.
/// assert_eq!(core.poll_action(), Some(Action::Connect("b@h".into())));
/// assert_eq!(core.poll_action(), None);
/// ```
#[derive(Debug)]
pub struct Core {
    own: Box<str>,
    config: DiscoveryConfig,
    chance: fastrand::Rng,
    sources: Vec<Source>,
    entries: BTreeMap<Box<str>, Entry>,
    refused: Vec<Refused>,
    /// Refusals without a place in `refused`.
    refused_more: usize,
    /// All nodes connected now, candidates or not.
    up: BTreeSet<Box<str>>,
    /// Those of them, or about to be among them, that are being disconnected, since nobody finds them any more.
    leaving: BTreeSet<Box<str>>,
    /// Attempts under way.
    dialling: usize,
    actions: VecDeque<Action>,
    changes: VecDeque<Change>,
}

/// What a strategy said last.
#[derive(Debug)]
struct Source {
    text: Box<str>,
    priority: u8,
    candidates: Vec<Candidate>,
    left_out: Vec<LeftOut>,
    /// Refusals that had no place in `left_out`, and candidates in `candidates`.
    left_out_more: usize,
    query: String,
    answer: String,
    answered: bool,
    error: Option<Box<str>>,
}

/// What is known of a candidate.
#[derive(Debug)]
struct Entry {
    candidate: Candidate,
    source: usize,
    dialling: bool,
    /// No strategy finds it any more; it stays until its attempt ends.
    gone: bool,
    /// Not dialled before.
    due: Instant,
    /// Failures since it was last connected.
    failures: u32,
    dials: u64,
    error: Option<Box<str>>,
}

/// There are [`SOURCES_MAX`] strategies already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySources;

impl fmt::Display for TooManySources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "discovery asks at most {SOURCES_MAX} strategies; put several lists or queries into one")
    }
}

impl std::error::Error for TooManySources {}

impl Core {
    /// Discovery for the node named `own`; `seed` makes the jitter.
    #[must_use]
    pub fn new(own: &str, config: DiscoveryConfig, seed: u64) -> Self {
        Self {
            own: own.into(),
            config,
            chance: fastrand::Rng::with_seed(seed),
            sources: Vec::new(),
            entries: BTreeMap::new(),
            refused: Vec::new(),
            refused_more: 0,
            up: BTreeSet::new(),
            leaving: BTreeSet::new(),
            dialling: 0,
            actions: VecDeque::new(),
            changes: VecDeque::new(),
        }
    }

    /// Adds a strategy; the number is how it is named from then on. Of a node that several strategies find, the one
    /// with the lowest `priority` counts, then the one added first.
    ///
    /// # Errors
    /// [`TooManySources`] above [`SOURCES_MAX`].
    pub fn add_source(&mut self, text: &str, priority: u8) -> Result<usize, TooManySources> {
        if self.sources.len() >= SOURCES_MAX {
            return Err(TooManySources);
        }
        self.sources.push(Source {
            text: bounded(text).into(),
            priority,
            candidates: Vec::new(),
            left_out: Vec::new(),
            left_out_more: 0,
            query: String::new(),
            answer: String::new(),
            answered: false,
            error: None,
        });
        Ok(self.sources.len() - 1)
    }

    /// A strategy answered. An unknown number is without effect.
    pub fn handle_snapshot(&mut self, now: Instant, source: usize, snapshot: Snapshot) {
        let (candidates_max, refused_max) = (self.candidates_max(), self.config.refused_max);
        let Some(said) = self.sources.get_mut(source) else { return };
        said.answered = true;
        said.query = bounded(&snapshot.query);
        said.answer = bounded(&snapshot.answer);
        if said.error.take().is_some() {
            self.changes.push_back(Change::SourceBack { source: said.text.clone() });
        }
        said.candidates = snapshot.candidates;
        let beyond = said.candidates.len().saturating_sub(candidates_max);
        said.candidates.truncate(candidates_max);
        said.left_out = snapshot.refused;
        said.left_out_more = beyond + said.left_out.len().saturating_sub(refused_max);
        said.left_out.truncate(refused_max);
        self.unite(now);
        self.dial_due(now);
    }

    /// A strategy has no answer: what it found stays. An unknown number is without effect.
    pub fn handle_failure(&mut self, _now: Instant, source: usize, error: &StrategyError) {
        let Some(said) = self.sources.get_mut(source) else { return };
        let text: Box<str> = bounded(&error.text).into();
        if said.error.as_ref() != Some(&text) {
            self.changes.push_back(Change::SourceFailed { source: said.text.clone(), error: text.clone() });
            said.error = Some(text);
        }
    }

    /// An attempt asked for by [`Action::Connect`] ended; the error says which step failed.
    pub fn handle_dial(&mut self, now: Instant, name: &str, ended: Result<(), String>) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        if !entry.dialling {
            return;
        }
        entry.dialling = false;
        self.dialling = self.dialling.saturating_sub(1);
        // Also after success: the connection may be lost again already.
        entry.due = now.saturating_add(self.config.backoff.draw(entry.failures, &mut self.chance));
        let is_connected = ended.is_ok();
        if let Err(error) = ended {
            entry.failures = entry.failures.saturating_add(1);
            let error: Box<str> = bounded(&error).into();
            if entry.error.as_ref() != Some(&error) && !entry.gone {
                self.changes.push_back(Change::NotReached { name: name.into(), error: error.clone() });
            }
            entry.error = Some(error);
        }
        if entry.gone {
            self.forget(name);
            if is_connected {
                self.leave(name);
            }
        }
        self.dial_due(now);
    }

    /// A node is connected, whoever began.
    pub fn handle_up(&mut self, now: Instant, name: &str) {
        if !self.up.insert(name.into()) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(name) {
            entry.failures = 0;
            entry.error = None;
            let is_gone = entry.gone;
            self.changes.push_back(Change::Connected { name: name.into() });
            if is_gone {
                // It was found no more while the attempt was under way.
                self.leave(name);
            }
        }
        self.dial_due(now);
    }

    /// The connection to a node is lost: a candidate is dialled again after the first wait.
    pub fn handle_down(&mut self, now: Instant, name: &str) {
        if !self.up.remove(name) {
            return;
        }
        let was_leaving = self.leaving.remove(name);
        let entry = self.entries.get_mut(name);
        if was_leaving || entry.is_some() {
            self.changes.push_back(Change::Lost { name: name.into() });
        }
        if let Some(entry) = entry {
            entry.due = now.saturating_add(self.config.backoff.draw(0, &mut self.chance));
            entry.failures = 1;
        }
        self.dial_due(now);
    }

    /// The time that [`Core::poll_timeout`] said has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.dial_due(now);
    }

    /// What to do next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What changed, for the log.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When [`Core::handle_timeout`] is to be called; `None` while only other events can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.dialling >= self.dials_max() {
            return None;
        }
        let waiting = self.entries.iter().filter(|(name, entry)| self.may_be_dialled(name, entry));
        waiting.map(|(_, entry)| entry.due).min()
    }

    /// All that is known now.
    #[must_use]
    pub fn report(&self) -> Report {
        report::of(self)
    }

    fn candidates_max(&self) -> usize {
        self.config.candidates_max.max(1)
    }

    fn dials_max(&self) -> usize {
        self.config.dials_max.max(1)
    }

    fn may_be_dialled(&self, name: &str, entry: &Entry) -> bool {
        !entry.dialling && !entry.gone && !self.up.contains(name)
    }

    /// Begins the attempts that are due, the longest due first, as far as the limit allows.
    fn dial_due(&mut self, now: Instant) {
        let free = self.dials_max().saturating_sub(self.dialling);
        if free == 0 {
            return;
        }
        let mut due: Vec<_> = self
            .entries
            .iter()
            .filter(|(name, entry)| entry.due <= now && self.may_be_dialled(name, entry))
            .map(|(name, entry)| (entry.due, self.priority(entry.source), name.clone()))
            .collect();
        due.sort();
        for (_, _, name) in due.into_iter().take(free) {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.dialling = true;
                entry.dials += 1;
                self.dialling += 1;
                self.actions.push_back(Action::Connect(name));
            }
        }
    }

    fn priority(&self, source: usize) -> u8 {
        self.sources.get(source).map_or(u8::MAX, |source| source.priority)
    }

    fn forget(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Disconnects a node that nobody finds any more, where that is wanted.
    fn leave(&mut self, name: &str) {
        if self.config.disconnect_gone && self.leaving.insert(name.into()) {
            self.actions.push_back(Action::Disconnect(name.into()));
        }
    }
}
