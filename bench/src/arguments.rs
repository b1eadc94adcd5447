//! What the command line asks for.

use crate::row::Row;
use crate::systems::System;
use std::error::Error;
use std::fmt;

/// Rounds unless `--rounds` is given.
const ROUNDS: usize = 5;

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Request {
    Child {
        system: System,
        row: Row,
    },
    /// With no rows named, the usual ones.
    Parent {
        rounds: usize,
        rows: Vec<Row>,
    },
}

/// A command line that cannot be understood: the caller's mistake.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum BadArgument {
    /// It is neither an option nor a row.
    Unknown(String),
    /// What follows `--rounds` is no number above 0.
    Rounds(Option<String>),
}

impl fmt::Display for BadArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(argument) => write!(f, "unexpected argument {argument:?}")?,
            Self::Rounds(Some(argument)) => {
                write!(f, "{argument:?} after --rounds is not a number of rounds above 0")?;
            }
            Self::Rounds(None) => f.write_str("--rounds is followed by nothing")?,
        }
        let rows: Vec<&str> = Row::ALL.iter().map(|row| row.name()).collect();
        write!(f, "; usage: bench [--rounds N] [ROW...], rows: {}", rows.join(" "))
    }
}

impl Error for BadArgument {}

pub(crate) fn parse(args: &[String]) -> Result<Request, BadArgument> {
    let unknown = |argument: &String| BadArgument::Unknown(argument.clone());
    if let [flag, system, row] = args
        && flag == "--child"
    {
        let system = System::named(system).ok_or_else(|| unknown(system))?;
        let row = Row::named(row).ok_or_else(|| unknown(row))?;
        return Ok(Request::Child { system, row });
    }
    let mut rounds = ROUNDS;
    let mut rows = Vec::new();
    let mut args = args.iter();
    while let Some(argument) = args.next() {
        match Row::named(argument) {
            Some(row) => rows.push(row),
            None if argument == "--rounds" => {
                let number = args.next();
                let parsed = number.and_then(|number| number.parse().ok()).filter(|rounds| *rounds > 0);
                rounds = parsed.ok_or_else(|| BadArgument::Rounds(number.cloned()))?;
            }
            None => return Err(unknown(argument)),
        }
    }
    if rows.is_empty() {
        rows = Row::usual();
    }
    Ok(Request::Parent { rounds, rows })
}

#[cfg(test)]
mod tests;
