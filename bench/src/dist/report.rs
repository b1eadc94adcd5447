//! Two tables for people: the measurements, and which goals they meet.

use super::pair::Pair;
use super::row::{Goal, Row};
use crate::report::aligned;

/// The numbers of one pair in one row.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) pair: Pair,
    /// Nanoseconds per operation, or bytes.
    pub(crate) samples: Vec<f64>,
}

impl Measured {
    pub(crate) fn new(row: Row, pair: Pair) -> Self {
        Self { row, pair, samples: Vec::new() }
    }

    fn median(&self) -> Option<f64> {
        let mut samples = self.samples.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }

    /// Half of the distance between the extremes, in percent of the median.
    fn spread(&self) -> Option<f64> {
        let least = self.samples.iter().copied().reduce(f64::min)?;
        let most = self.samples.iter().copied().reduce(f64::max)?;
        Some((most - least) * 50.0 / self.median()?)
    }
}

fn median(row: Row, pair: Pair, all: &[Measured]) -> Option<f64> {
    all.iter().find(|measured| (measured.row, measured.pair) == (row, pair)).and_then(Measured::median)
}

/// Median, spread, and in brackets how fast it is beside the two BEAMs: above 1 is better than those.
pub(crate) fn table(rows: &[Row], all: &[Measured]) -> String {
    let mut lines = vec![vec!["row".to_owned()], vec!["---".to_owned()]];
    lines[0].extend(Pair::ALL.map(|pair| pair.name().to_owned()));
    lines[1].extend(Pair::ALL.map(|_| "---:".to_owned()));
    for &row in rows {
        let mut line = vec![format!("{} ({})", row.name(), row.unit().short())];
        line.extend(Pair::ALL.map(|pair| cell(row, pair, all)));
        lines.push(line);
    }
    aligned(&lines)
}

fn cell(row: Row, pair: Pair, all: &[Measured]) -> String {
    let found = all.iter().find(|measured| (measured.row, measured.pair) == (row, pair));
    let Some((median, spread)) = found.and_then(|measured| Some((measured.median()?, measured.spread()?)))
    else {
        return "–".to_owned();
    };
    let shown = row.shown(median);
    let digits = usize::from(shown < 100.0);
    let ratio = self::median(row, Pair::BeamBeam, all);
    let ratio = ratio.map(|beam| format!(" ({:.2}×)", beam / median)).unwrap_or_default();
    format!("{shown:.digits$} ±{spread:.0} %{ratio}")
}

/// Each goal of the rows, what was measured, and whether it is met.
pub(crate) fn goals(rows: &[Row], all: &[Measured]) -> String {
    let texts = |texts: [&str; 4]| texts.map(str::to_owned).to_vec();
    let mut lines = vec![texts(["row", "goal", "measured", "verdict"]), texts(["---", "---", "---", "---"])];
    for &row in rows {
        for goal in row.goals() {
            let (demand, reached, is_met) = judged(row, goal, all);
            let verdict = match is_met {
                Some(true) => "met",
                Some(false) => "not met",
                None => "unknown",
            };
            lines.push(vec![row.name().to_owned(), demand, reached, verdict.to_owned()]);
        }
    }
    aligned(&lines)
}

fn judged(row: Row, goal: Goal, all: &[Measured]) -> (String, String, Option<bool>) {
    match goal {
        Goal::Times(ours, times, theirs) => {
            let ratio =
                median(row, theirs, all).and_then(|theirs| median(row, ours, all).map(|ours| theirs / ours));
            let demand = format!("{ours}: at least {times}x {theirs}");
            let reached = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}x"));
            (demand, reached, ratio.map(|ratio| ratio >= times))
        }
        Goal::AtMost(pair, limit) => {
            let number = median(row, pair, all);
            let unit = row.unit().short();
            let demand = format!("{pair}: at most {} {unit}", row.shown(limit));
            let reached =
                number.map_or_else(|| "–".to_owned(), |number| format!("{:.1} {unit}", row.shown(number)));
            (demand, reached, number.map(|number| number <= limit))
        }
    }
}
