//! Medians, spreads, and how they are written: as a table for people and as JSON.

use crate::row::Row;
use crate::systems::System;
use std::fmt::Write as _;
use std::thread::available_parallelism;

/// What one system needed for one row, in each round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) system: System,
    pub(crate) row: Row,
    pub(crate) samples: Vec<f64>,
}

impl Measured {
    pub(crate) fn new(system: System, row: Row) -> Self {
        Self { system, row, samples: Vec::new() }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut samples = self.samples.clone();
        samples.sort_by(f64::total_cmp);
        samples
    }

    /// The middle sample; of an even number of samples the mean of the two in the middle.
    fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        if sorted.len() % 2 == 1 {
            return Some(upper);
        }
        Some(f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper))
    }

    /// How far the samples lie apart, in percent of the median.
    fn spread_percent(&self) -> Option<f64> {
        let sorted = self.sorted();
        Some((sorted.last()? - sorted.first()?) / self.median()? * 100.0)
    }
}

/// A Markdown table: median, spread in percent, and in brackets how many times the reference's.
/// The reference is Engset, or the BEAM in rows that Engset does not have.
pub(crate) fn table(rows: &[Row], all: &[Measured]) -> String {
    let mut lines = vec![vec!["row".to_owned()], vec!["---".to_owned()]];
    lines[0].extend(System::ALL.map(|system| system.name().to_owned()));
    lines[1].extend(System::ALL.map(|_| "---:".to_owned()));
    for &row in rows {
        let mut line = vec![format!("{} ({})", row.name(), row.unit().short())];
        let reference = reference(row, all);
        line.extend(System::ALL.map(|system| cell(find(system, row, all), reference)));
        lines.push(line);
    }
    aligned(&lines)
}

fn reference(row: Row, all: &[Measured]) -> Option<f64> {
    let median = |system| find(system, row, all).and_then(Measured::median);
    median(System::Engset).or_else(|| median(System::Beam))
}

fn find(system: System, row: Row, all: &[Measured]) -> Option<&Measured> {
    all.iter().find(|measured| measured.system == system && measured.row == row)
}

fn cell(measured: Option<&Measured>, reference: Option<f64>) -> String {
    let Some(measured) = measured else { return "–".to_owned() };
    let (Some(median), Some(spread)) = (measured.median(), measured.spread_percent()) else {
        return "–".to_owned();
    };
    let ratio = reference.map(|reference| format!(" ({:.2}×)", median / reference)).unwrap_or_default();
    format!("{median:.0} ±{:.0} %{ratio}", spread / 2.0)
}

fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=System::ALL.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a `String` cannot fail.
        writeln!(text, "| {} |", cells.join(" | ")).ok();
    }
    text
}

/// Every sample, so that others can compute what they like.
pub(crate) fn json(rounds: usize, rows: &[Row], all: &[Measured]) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let rows: Vec<String> = rows.iter().map(|&row| json_row(row, all)).collect();
    format!(
        "{{\n  \"cores\": {cores},\n  \"rounds\": {rounds},\n  \"rows\": [\n{}\n  ]\n}}\n",
        rows.join(",\n")
    )
}

fn json_row(row: Row, all: &[Measured]) -> String {
    let systems: Vec<String> =
        System::ALL.iter().filter_map(|&system| json_system(find(system, row, all)?)).collect();
    format!(
        "    {{\"row\": \"{}\", \"unit\": \"{}\", \"ops\": {}, \"systems\": {{\n{}\n    }}}}",
        row.name(),
        row.unit().label(),
        row.ops(),
        systems.join(",\n")
    )
}

fn json_system(measured: &Measured) -> Option<String> {
    let samples: Vec<String> = measured.samples.iter().map(|sample| format!("{sample:.3}")).collect();
    let (name, median, spread) = (measured.system.name(), measured.median()?, measured.spread_percent()?);
    Some(format!(
        "      \"{name}\": {{\"median\": {median:.3}, \"spread_percent\": {spread:.1}, \"samples\": [{}]}}",
        samples.join(", ")
    ))
}

#[cfg(test)]
mod tests;
