//! Runs every measurement in a fresh process, round after round with the systems in turn.

use crate::machine::Machine;
use crate::output;
use crate::report::{self, Measured};
use crate::row::Row;
use crate::systems::System;
use std::env;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Why there is no table.
#[derive(Debug)]
pub(crate) enum BenchError {
    /// This program could not start itself again.
    NotRun(io::Error),
    /// A measurement failed or printed no number: a mistake in its module.
    NoNumber { system: System, row: Row, output: String },
    /// The results could not be written.
    Unwritable { path: PathBuf, source: io::Error },
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun(source) => write!(f, "cannot run this program again: {source}"),
            Self::NoNumber { system, row, output } => {
                write!(f, "{} {} printed no number: {output}", system.name(), row.name())
            }
            Self::Unwritable { path, source } => write!(f, "cannot write {}: {source}", path.display()),
        }
    }
}

impl Error for BenchError {}

/// Measures and returns the tables. Where all usual rows are measured, `bench/results/` gets the results and a chart;
/// measurements of some rows leave what is there as it is.
pub(crate) fn run(rounds: usize, rows: &[Row]) -> Result<String, BenchError> {
    let mut all = Vec::new();
    for &row in rows {
        all.extend(measure_row(rounds, row)?);
    }
    if Row::usual().iter().all(|row| rows.contains(row)) {
        let machine = Machine::here();
        write("latest.json", &report::json(&machine, rounds, rows, &all))?;
        write("chart.svg", &report::chart(&machine, rows, &all))?;
    }
    Ok(format!("{}\n{}", report::table(rows, &all), report::goals(rows, &all)))
}

fn write(name: &str, text: &str) -> Result<(), BenchError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let path = folder.join(name);
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
    written.map_err(|source| BenchError::Unwritable { path, source })
}

fn measure_row(rounds: usize, row: Row) -> Result<Vec<Measured>, BenchError> {
    let mut measured: Vec<Measured> = System::ALL.map(|system| Measured::new(system, row)).into();
    for round in 0..rounds {
        for turn in 0..measured.len() {
            // Another system is first in each round.
            let index = (round + turn) % measured.len();
            let system = measured[index].system;
            output::complain(&format!("{} round {} of {rounds}: {}", row.name(), round + 1, system.name()));
            measured[index].samples.extend(measure(system, row)?);
        }
    }
    measured.retain(|measured| !measured.samples.is_empty());
    Ok(measured)
}

fn measure(system: System, row: Row) -> Result<Option<f64>, BenchError> {
    let output = child(system, row).map_err(BenchError::NotRun)?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if text == "not measured" {
        return Ok(None);
    }
    let number = text.strip_prefix(row.unit().label()).and_then(|number| number.trim().parse().ok());
    number.map(Some).ok_or(BenchError::NoNumber { system, row, output: text })
}

#[expect(clippy::disallowed_methods, reason = "each measurement has a process of its own")]
fn child(system: System, row: Row) -> io::Result<Output> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--child", system.name(), row.name()]).stderr(Stdio::inherit()).output()
}
