//! Two programs on this machine, connected by the distribution protocol: the same two in Erlang and in Rust, in all
//! pairs, and a plain TCP copy beside them.
//!
//! `bench --dist [--rounds N] [ROW…]` measures. Each measurement starts a serving and a driving program anew; the driver
//! prints the number. What a row is stands in `row.rs`, its work in `driver.rs` and `server.rs` for Engset and in
//! `../beam/bench_dist.erl` for the BEAM.

mod accept;
mod arguments;
mod driver;
mod messages;
mod pair;
mod programs;
mod report;
mod row;
mod server;
mod tcp;
mod tls;

use crate::output;
use arguments::Request;
use pair::Pair;
use programs::Surroundings;
use report::Measured;
use row::Row;
use std::error::Error;

/// Does what follows `--dist` on the command line; the text to print at the end.
pub(crate) fn run(args: &[String]) -> Result<Option<String>, Box<dyn Error>> {
    match arguments::parse(args)? {
        Request::Serve { name, carrier } => server::run(&name, carrier),
        Request::Drive { row, name, server, carrier } => driver::run(row, &name, &server, carrier),
        Request::ServeTcp => tcp::serve()?,
        Request::DriveTcp { row, at } => output::say(&tcp::drive(row, at)?.to_string()),
        Request::Measure { rounds, rows } => return Ok(Some(measure(rounds, &rows))),
    }
    Ok(None)
}

fn measure(rounds: usize, rows: &[Row]) -> String {
    let around = Surroundings::start();
    let mut all: Vec<Measured> = Vec::new();
    for &row in rows {
        let mut measured: Vec<Measured> = row.pairs().iter().map(|pair| Measured::new(row, *pair)).collect();
        for round in 0..rounds {
            for turn in 0..measured.len() {
                // Another pair is first in each round.
                let index = (round + turn) % measured.len();
                let pair = measured[index].pair;
                output::complain(&format!("{} round {} of {rounds}: {}", row.name(), round + 1, pair.name()));
                measured[index].samples.push(measure_one(row, pair, &around));
            }
        }
        all.extend(measured);
    }
    format!("{}\n{}", report::table(rows, &all), report::goals(rows, &all))
}

fn measure_one(row: Row, pair: Pair, around: &Surroundings) -> f64 {
    match (row, pair) {
        (_, Pair::Tcp) => programs::tcp(row),
        (Row::Accept | Row::AcceptMemory, _) => accept::measure(row, pair, around),
        _ => programs::measure(row, pair, around),
    }
}
