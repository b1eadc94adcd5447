//! What was measured: samples, medians, spreads; and how it is written, in three forms.

mod chart;
mod json;
mod table;

use crate::row::Row;
use crate::systems::System;

pub(crate) use chart::chart;
pub(crate) use json::json;
pub(crate) use table::{aligned, goals, table};

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

fn find(system: System, row: Row, all: &[Measured]) -> Option<&Measured> {
    all.iter().find(|measured| measured.system == system && measured.row == row)
}

fn median(system: System, row: Row, all: &[Measured]) -> Option<f64> {
    find(system, row, all).and_then(Measured::median)
}

#[cfg(test)]
mod tests;
