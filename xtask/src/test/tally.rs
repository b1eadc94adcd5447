//! Counts what the test runner reports and hides what passing tests print.

use std::fmt;

/// Numbers of tests, added up over runs.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    skips: Vec<String>,
    place: Place,
}

/// Where in a test program's report the last line was.
#[derive(Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Report,
    /// Between `successes:` and what follows it: what passing tests printed.
    Successes,
}

impl Tally {
    /// Takes in one line and says whether it should be shown.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        if let Some(counts) = Counts::parse(line) {
            self.passed += counts.passed;
            self.failed += counts.failed;
            self.ignored += counts.ignored;
            self.place = Place::Report;
            return true;
        }
        let is_skip = self.read_skip(line);
        match line {
            "successes:" => self.place = Place::Successes,
            "failures:" => self.place = Place::Report,
            _ => {}
        }
        is_skip || self.place == Place::Report
    }

    /// Takes in one line of a program that is no test runner and says whether it reports a skip.
    pub(crate) fn read_skip(&mut self, line: &str) -> bool {
        let is_skip = line.strip_prefix("skipped: ").is_some_and(|rest| rest.contains(": "));
        if is_skip {
            self.skips.push(line.to_owned());
        }
        is_skip
    }

    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    pub(crate) fn fail(&mut self) {
        self.failed += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.skips.extend(other.skips);
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// The `skipped:` lines, in order.
    pub(crate) fn skips(&self) -> &[String] {
        &self.skips
    }

    fn skipped(&self) -> u64 {
        self.ignored + u64::try_from(self.skips.len()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A skipped test ends well in the runner's eyes, so it was counted there too.
        let passed = self.passed.saturating_sub(self.skipped() - self.ignored);
        write!(f, "{passed} passed, {} failed, {} skipped", self.failed, self.skipped())
    }
}

struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Reads `test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; …`.
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what: &str| {
            counts.split(';').find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
        };
        Some(Self { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
    }
}

#[cfg(test)]
mod tests;
