//! Decides what is asked of the API next: a list, a watch of what changes after it, or neither for a while.
//!
//! A list says all; the watch from its version on says each change. In go lists, refusals, pieces of a watch and ends of
//! it; out come the next step with its time, and what is known. After whatever may have lost a change (410, a line that
//! is no event, an error of the server) comes a list; after a connection that only ended, the watch goes on from the
//! last version. Where the watch is not allowed, lists alone are asked for.

#[cfg(test)]
mod tests;

use super::lines::{LINE_BYTES_MAX, Lines, TooLong};
use super::objects::{Event, Key, OBJECT_NAME_BYTES_MAX, Object, read_event};
use super::{KubernetesObjects, Naming};
use crate::backoff::Backoff;
use crate::candidate::{Candidate, LeftOut};
use engset_term::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many objects are held and watched; of more, lists alone are read.
pub(crate) const OBJECTS_MAX: usize = 4_000;
/// So many pods are held and watched, those that are left out among them; of more, lists alone are read.
pub(crate) const PLACES_MAX: usize = 8_192;
/// How long the server is asked to let one watch last; chance takes away up to a quarter. A connection that is dead
/// without saying so is noticed then, and the token is read anew.
const WATCH_LASTS: Duration = Duration::from_secs(60);
/// A watch that has lasted so long was no failure.
const LASTED: Duration = Duration::from_secs(10);
/// After so many watches in a row that ended at once without a word, a list is asked for.
const WORDLESS_MAX: u32 = 3;
/// So long after the watch was refused it is tried again.
const WATCH_AGAIN: Duration = Duration::from_secs(300);
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(250), max: Duration::from_secs(15), jitter: 0.5 };

const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
const METHOD_NOT_ALLOWED: u16 = 405;
const GONE: u16 = 410;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask for the list: then [`Watch::handle_listed`] or [`Watch::handle_unreachable`].
    List,
    /// Ask for a watch: then [`Watch::handle_open`], [`Watch::handle_refused`] or [`Watch::handle_unreachable`].
    Open { version: String, lasts: Duration },
    /// Read the watch: [`Watch::handle_piece`] and [`Watch::handle_end`].
    Read,
}

/// How a watch ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closed it, as it does after the time it was asked for.
    Closed,
    /// The connection broke.
    Broken(String),
    /// The time that [`Watch::poll_step`] gave is over.
    Overdue,
}

/// A whole list.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) objects: Vec<(Key, Object)>,
    /// From where a watch goes on; empty where there is none.
    pub(crate) version: String,
    /// What of the list was not read.
    pub(crate) cut: Option<LeftOut>,
}

/// The pure part of the strategy.
#[derive(Debug)]
pub(crate) struct Watch {
    chance: fastrand::Rng,
    phase: Phase,
    objects: BTreeMap<Key, Object>,
    /// Pods in `objects`.
    places: usize,
    /// What of the list was not read.
    cut: Option<LeftOut>,
    /// Why the watch does not work.
    trouble: Option<String>,
    /// Failures of the watch since it worked last.
    failures: u32,
    /// Before this, the watch is not tried.
    refused_until: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    List { due: Instant },
    Open { due: Instant, version: String, lasts: Duration },
    Read(Reading),
}

#[derive(Debug)]
struct Reading {
    version: String,
    lines: Lines,
    opened: Instant,
    /// The server should have closed before.
    ends: Instant,
    /// How long a line may take.
    line_within: Duration,
    line_begun: Option<Instant>,
    /// Whether an event has come.
    heard: bool,
}

impl Watch {
    /// Knows nothing; `seed` makes the jitter.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            phase: Phase::List { due: Instant::ZERO },
            objects: BTreeMap::new(),
            places: 0,
            cut: None,
            trouble: None,
            failures: 0,
            refused_until: None,
        }
    }

    /// The next step, and when: lists and watches are not asked for before, reading goes on until then at most.
    pub(crate) fn poll_step(&self) -> (Step, Instant) {
        match &self.phase {
            Phase::List { due } => (Step::List, *due),
            Phase::Open { due, version, lasts } => {
                (Step::Open { version: version.clone(), lasts: *lasts }, *due)
            }
            Phase::Read(reading) => {
                let line = reading.line_begun.map(|begun| begun.saturating_add(reading.line_within));
                (Step::Read, line.map_or(reading.ends, |line| line.min(reading.ends)))
            }
        }
    }

    /// The API gave a list: nothing of what was known before stays. `polling` is the time to the next list where there
    /// is no watch.
    pub(crate) fn handle_listed(&mut self, now: Instant, listed: Listed, polling: Duration) {
        let Listed { objects, version, cut } = listed;
        self.objects = objects.into_iter().collect();
        self.places = self.objects.values().map(Object::places).sum();
        self.cut = cut;
        if self.cut.is_none() && self.is_full() {
            self.cut = Some(too_many());
        }
        if version.is_empty() || version.len() > OBJECT_NAME_BYTES_MAX {
            self.trouble =
                Some("the list has no version to watch from; look at what answers there".to_owned());
        }
        let may_be_watched = self.cut.is_none()
            && (1..=OBJECT_NAME_BYTES_MAX).contains(&version.len())
            && self.refused_until.is_none_or(|until| until <= now);
        self.phase = if may_be_watched {
            Phase::Open { due: now, version, lasts: self.draw_lasts() }
        } else {
            Phase::List { due: now.saturating_add(polling) }
        };
    }

    /// The API cannot be asked, or refuses the list. Whoever says so waits; then the list is asked for.
    pub(crate) fn handle_unreachable(&mut self, now: Instant) {
        self.phase = Phase::List { due: now };
    }

    /// The watch has begun; the server is given `patience` for its end and for one line. Whether trouble that was told is
    /// over.
    pub(crate) fn handle_open(&mut self, now: Instant, patience: Duration) -> bool {
        let Phase::Open { version, lasts, .. } = &self.phase else { return false };
        let (version, ends) = (version.clone(), now.saturating_add(*lasts).saturating_add(patience));
        let is_over = self.refused_until.take().is_some() && self.trouble.take().is_some();
        self.phase = Phase::Read(Reading {
            version,
            lines: Lines::default(),
            opened: now,
            ends,
            line_within: patience,
            line_begun: None,
            heard: false,
        });
        is_over
    }

    /// The watch was refused.
    ///
    /// # Errors
    /// `why`, where lists are refused for the same reason.
    pub(crate) fn handle_refused(
        &mut self,
        now: Instant,
        status: u16,
        why: String,
        polling: Duration,
    ) -> Result<(), String> {
        match status {
            UNAUTHORIZED => {
                self.handle_unreachable(now);
                return Err(why);
            }
            FORBIDDEN | METHOD_NOT_ALLOWED => {
                self.trouble = Some(format!("{why}; the list is asked for every {polling:?} meanwhile"));
                self.refused_until = Some(now.saturating_add(WATCH_AGAIN));
                self.phase = Phase::List { due: now.saturating_add(polling) };
            }
            GONE => self.list_after_failure(now),
            _ => {
                self.trouble = Some(why);
                self.list_after_failure(now);
            }
        }
        Ok(())
    }

    /// A piece of the watch came; whether it changed what is known.
    pub(crate) fn handle_piece(
        &mut self,
        now: Instant,
        mut piece: &[u8],
        kind: KubernetesObjects,
        naming: &Naming,
    ) -> bool {
        let mut changed = false;
        loop {
            let Phase::Read(reading) = &mut self.phase else { return changed };
            let was_within = reading.lines.is_within();
            let line = match reading.lines.next(&mut piece) {
                Ok(Some(line)) => line,
                Ok(None) => {
                    // A line that goes on has the time from its own begin.
                    let begun = if was_within { reading.line_begun } else { None };
                    reading.line_begun = reading.lines.is_within().then(|| begun.unwrap_or(now));
                    return changed;
                }
                Err(TooLong) => {
                    self.trouble = Some(format!(
                        "a line of the watch has more than {LINE_BYTES_MAX} bytes; look at what answers there"
                    ));
                    self.list_after_failure(now);
                    return changed;
                }
            };
            if !line.trim_ascii().is_empty() {
                changed |= self.hear(now, read_event(&line, kind, naming));
            }
        }
    }

    /// The watch ended; whether trouble that was told is over.
    pub(crate) fn handle_end(&mut self, now: Instant, end: End) -> bool {
        let Phase::Read(reading) = &mut self.phase else { return false };
        let (version, heard, opened) = (std::mem::take(&mut reading.version), reading.heard, reading.opened);
        let is_clean = end == End::Closed && !reading.lines.is_within();
        let lasted = now >= opened.saturating_add(LASTED);
        if end == End::Overdue {
            self.trouble = Some(
                "the watch neither goes on nor ends in time; look at the API server and the way to it"
                    .to_owned(),
            );
            self.list_after_failure(now);
            return false;
        }
        let had_trouble = self.trouble.is_some();
        if lasted || (is_clean && heard) {
            self.worked();
        }
        let is_over = had_trouble && self.trouble.is_none();
        let wait = BACKOFF.draw(self.failures, &mut self.chance);
        if !(is_clean && (heard || lasted)) {
            self.failures = self.failures.saturating_add(1);
        }
        let due = now.saturating_add(wait);
        if !heard && self.failures >= WORDLESS_MAX {
            let why = match end {
                End::Broken(why) => why,
                End::Closed | End::Overdue => "it is closed".to_owned(),
            };
            self.trouble = Some(format!("the watch ends again and again before it says anything: {why}"));
            self.phase = Phase::List { due };
        } else {
            self.phase = Phase::Open { due, version, lasts: self.draw_lasts() };
        }
        is_over
    }

    /// What is known: candidates, and what is left out.
    pub(crate) fn found(&self) -> (Vec<Candidate>, Vec<LeftOut>) {
        let trouble = self.trouble.as_ref().map(|why| LeftOut::new("the watch", why));
        let refused = self.objects.values().flat_map(|object| &object.refused);
        let refused = self.cut.iter().cloned().chain(trouble).chain(refused.cloned()).collect();
        (self.objects.values().flat_map(|object| &object.candidates).cloned().collect(), refused)
    }

    /// How changes are seen from now on, for people.
    pub(crate) fn how(&self) -> &'static str {
        match self.phase {
            Phase::List { .. } => "polled",
            Phase::Open { .. } => "a watch follows",
            Phase::Read(_) => "watched",
        }
    }

    /// Takes one line; whether it changed what is known.
    fn hear(&mut self, now: Instant, event: Result<Event, String>) -> bool {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                self.trouble =
                    Some(format!("a line of the watch is no event: {error}; look at what answers there"));
                self.list_after_failure(now);
                return false;
            }
        };
        let (changed, told) = match event {
            Event::Is { key, object, version } => (self.put(key, object), version),
            Event::Gone { key, version } => {
                let gone = self.objects.remove(&key);
                self.places = self.places.saturating_sub(gone.as_ref().map_or(0, Object::places));
                (gone.is_some_and(|object| object.places() > 0), version)
            }
            Event::Bookmark { version } => (false, version),
            Event::Error { status: GONE, .. } => {
                self.list_after_failure(now);
                return false;
            }
            Event::Error { status, message } => {
                self.trouble = Some(format!("the API ends the watch ({status}): {message}"));
                self.list_after_failure(now);
                return false;
            }
        };
        let Phase::Read(reading) = &mut self.phase else { return changed };
        reading.version = told;
        reading.heard = true;
        let lasted = now >= reading.opened.saturating_add(LASTED);
        let had_trouble = lasted && self.trouble.is_some();
        if lasted {
            self.worked();
        }
        if self.is_full() {
            // The list tells how much there is, and what is left out.
            self.list_after_failure(now);
        }
        changed || had_trouble
    }

    fn put(&mut self, key: Key, object: Object) -> bool {
        let new = object.places();
        let before = self.objects.get(&key);
        let old = before.map_or(0, Object::places);
        let changed = before.map_or(new > 0, |before| *before != object);
        self.places = self.places.saturating_sub(old).saturating_add(new);
        self.objects.insert(key, object);
        changed
    }

    fn is_full(&self) -> bool {
        self.objects.len() > OBJECTS_MAX || self.places > PLACES_MAX
    }

    fn worked(&mut self) {
        self.failures = 0;
        self.trouble = None;
    }

    /// A change may have been lost.
    fn list_after_failure(&mut self, now: Instant) {
        let wait = BACKOFF.draw(self.failures, &mut self.chance);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::List { due: now.saturating_add(wait) };
    }

    fn draw_lasts(&mut self) -> Duration {
        WATCH_LASTS.mul_f64(1.0 - 0.25 * self.chance.f64())
    }
}

fn too_many() -> LeftOut {
    let why = format!(
        "more than {OBJECTS_MAX} objects or {PLACES_MAX} pods are polled, not watched; choose fewer by the selector"
    );
    LeftOut::new("the watch", &why)
}
