//! What the command line asks for.

use crate::row::Row;
use crate::systems::System;
use std::error::Error;
use std::fmt;

/// Rounds unless `--quick` is given.
const ROUNDS: usize = 5;
const ROUNDS_QUICK: usize = 3;

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Request {
    Child { system: System, row: Row },
    Parent { rounds: usize, rows: Vec<Row> },
}

/// An argument that is neither an option nor a row: the caller's mistake.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct UnknownArgument {
    argument: String,
}

impl fmt::Display for UnknownArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<&str> = Row::ALL.iter().map(|row| row.name()).collect();
        write!(
            f,
            "unexpected argument {:?}; usage: bench [--quick] [ROW...], rows: {}",
            self.argument,
            rows.join(" ")
        )
    }
}

impl Error for UnknownArgument {}

pub(crate) fn parse(args: &[String]) -> Result<Request, UnknownArgument> {
    let unknown = |argument: &String| UnknownArgument { argument: argument.clone() };
    if let [flag, system, row] = args
        && flag == "--child"
    {
        let system = System::named(system).ok_or_else(|| unknown(system))?;
        let row = Row::named(row).ok_or_else(|| unknown(row))?;
        return Ok(Request::Child { system, row });
    }
    let mut rounds = ROUNDS;
    let mut rows = Vec::new();
    for argument in args {
        match Row::named(argument) {
            Some(row) => rows.push(row),
            None if argument == "--quick" => rounds = ROUNDS_QUICK,
            None => return Err(unknown(argument)),
        }
    }
    if rows.is_empty() {
        rows.extend(Row::ALL);
    }
    Ok(Request::Parent { rounds, rows })
}

#[cfg(test)]
mod tests;
