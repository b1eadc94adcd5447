//! The union of what all strategies found: own and wrong names refused, doubles joined, limits kept.

use super::{Change, Core, Entry, Refused};
use crate::candidate::{Candidate, LeftOut, bounded, check_name};
use engset_term::Instant;
use std::collections::BTreeMap;

/// The candidates to be, each with its source.
type Wanted = BTreeMap<Box<str>, (usize, Candidate)>;

impl Core {
    /// Makes the table what the last answers of all strategies say.
    pub(super) fn unite(&mut self, now: Instant) {
        let wanted = self.choose();
        self.leaving.retain(|name| self.up.contains(name));
        let names: Vec<Box<str>> =
            self.entries.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in names {
            self.drop_candidate(&name);
        }
        for (name, (source, candidate)) in wanted {
            match self.entries.get_mut(&name) {
                Some(entry) => {
                    if std::mem::replace(&mut entry.gone, false) {
                        let source = self.sources.get(source).map(|source| source.text.clone());
                        let source = source.unwrap_or_default();
                        self.changes.push_back(Change::Found { name, source });
                    }
                    entry.source = source;
                    entry.candidate = candidate;
                }
                None => self.add_candidate(now, name, source, candidate),
            }
        }
    }

    /// Goes through the sources by priority, and notes what is refused.
    fn choose(&mut self) -> Wanted {
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by_key(|index| (self.priority(*index), *index));
        let mut wanted = Wanted::new();
        let mut refused = Refusals { kept: Vec::new(), max: self.config.refused_max, more: 0 };
        for index in order {
            let Some(source) = self.sources.get(index) else { continue };
            refused.more += source.left_out_more;
            for left_out in &source.left_out {
                refused.add(&source.text, left_out);
            }
            for candidate in &source.candidates {
                if wanted.contains_key(candidate.name.as_str()) {
                    continue;
                }
                let why = if *candidate.name == *self.own {
                    "it is this node itself".to_owned()
                } else if let Err(problem) = check_name(&candidate.name) {
                    problem.to_string()
                } else if wanted.len() >= self.candidates_max() {
                    format!(
                        "the limit of {} candidates is reached; raise candidates_max",
                        self.candidates_max()
                    )
                } else {
                    let mut candidate = candidate.clone();
                    candidate.found_in = bounded(&candidate.found_in);
                    wanted.insert(candidate.name.as_str().into(), (index, candidate));
                    continue;
                };
                refused.add(&source.text, &LeftOut::new(&candidate.name, &why));
            }
        }
        for new in refused.kept.iter().filter(|refused| !self.refused.contains(refused)) {
            self.changes.push_back(Change::Refused(new.clone()));
        }
        self.refused = refused.kept;
        self.refused_more = refused.more;
        wanted
    }

    fn add_candidate(&mut self, now: Instant, name: Box<str>, source: usize, candidate: Candidate) {
        let source_text = self.sources.get(source).map(|source| source.text.clone()).unwrap_or_default();
        self.changes.push_back(Change::Found { name: name.clone(), source: source_text });
        if self.up.contains(&name) {
            self.changes.push_back(Change::Connected { name: name.clone() });
        }
        let (failures, dials) = (0, 0);
        let entry =
            Entry { candidate, source, dialling: false, gone: false, due: now, failures, dials, error: None };
        self.entries.insert(name, entry);
    }

    fn drop_candidate(&mut self, name: &str) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        if entry.gone {
            return;
        }
        entry.gone = true;
        let dialling = entry.dialling;
        self.changes.push_back(Change::Gone { name: name.into() });
        if self.up.contains(name) {
            self.leave(name);
        }
        if !dialling {
            self.forget(name);
        }
    }
}

/// Refusals with their limit.
struct Refusals {
    kept: Vec<Refused>,
    max: usize,
    more: usize,
}

impl Refusals {
    fn add(&mut self, source: &str, left_out: &LeftOut) {
        if self.kept.len() >= self.max {
            self.more += 1;
            return;
        }
        let (what, why) = (bounded(&left_out.what), bounded(&left_out.why));
        self.kept.push(Refused { what: what.into(), why: why.into(), source: source.into() });
    }
}
