//! Two Markdown tables for people: the measurements, and which goals they meet.

use super::{Measured, find, median};
use crate::goal::Goal;
use crate::row::Row;
use crate::systems::System;
use std::fmt::Write as _;

/// Median, spread in percent, and in brackets how many times the reference's.
/// The reference is Engset, or the BEAM in rows that Engset does not have.
pub(crate) fn table(rows: &[Row], all: &[Measured]) -> String {
    let mut lines = vec![vec!["row".to_owned()], vec!["---".to_owned()]];
    lines[0].extend(System::ALL.map(|system| system.name().to_owned()));
    lines[1].extend(System::ALL.map(|_| "---:".to_owned()));
    for &row in rows {
        let mut line = vec![format!("{} ({})", row.name(), row.unit().short())];
        let reference = median(System::Engset, row, all).or_else(|| median(System::Beam, row, all));
        line.extend(System::ALL.map(|system| cell(find(system, row, all), reference)));
        lines.push(line);
    }
    aligned(&lines)
}

fn cell(measured: Option<&Measured>, reference: Option<f64>) -> String {
    let Some(measured) = measured else { return "–".to_owned() };
    let (Some(median), Some(spread)) = (measured.median(), measured.spread_percent()) else {
        return "–".to_owned();
    };
    let ratio = reference.map(|reference| format!(" ({:.2}×)", median / reference)).unwrap_or_default();
    format!("{median:.0} ±{:.0} %{ratio}", spread / 2.0)
}

/// Each goal of the rows, and whether it is met.
pub(crate) fn goals(rows: &[Row], all: &[Measured]) -> String {
    let texts = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
    let mut lines = vec![texts(["row", "goal", "verdict"]), texts(["---", "---", "---"])];
    for &row in rows {
        for goal in row.goals() {
            let verdict = goal.judge(row, |system, row| median(system, row, all));
            lines.push(vec![row.name().to_owned(), in_words(*goal, row), verdict.to_string()]);
        }
    }
    aligned(&lines)
}

fn in_words(goal: Goal, row: Row) -> String {
    match goal {
        Goal::AtMost(_) => format!("{goal} {}", row.unit().short()),
        Goal::TimesFaster(..) | Goal::AheadOf(_) | Goal::AheadOfAll | Goal::AtMostTimesRow(..) => {
            goal.to_string()
        }
    }
}

pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a `String` cannot fail.
        writeln!(text, "| {} |", cells.join(" | ")).ok();
    }
    text
}
