//! What follows `--dist` on the command line.

use super::pair::Carrier;
use super::row::Row;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

/// Rounds unless `--rounds` is given.
const ROUNDS: usize = 5;

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// For people.
    Measure { rounds: usize, rows: Vec<Row> },
    /// One of the two programs of a measurement.
    Serve { name: String, carrier: Carrier },
    /// The other one.
    Drive { row: Row, name: String, server: String, carrier: Carrier },
    /// The receiving program of a plain copy.
    ServeTcp,
    /// The sending one.
    DriveTcp { row: Row, at: SocketAddr },
}

/// A command line that cannot be understood: the caller's mistake.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct BadArgument(String);

impl fmt::Display for BadArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<&str> = Row::ALL.iter().map(|row| row.name()).collect();
        let Self(argument) = self;
        write!(
            f,
            "unexpected {argument:?}; usage: bench --dist [--rounds N] [ROW...], rows: {}",
            rows.join(" ")
        )
    }
}

impl Error for BadArgument {}

pub(crate) fn parse(args: &[String]) -> Result<Request, BadArgument> {
    let texts: Vec<&str> = args.iter().map(String::as_str).collect();
    let row = |name: &str| Row::named(name).ok_or_else(|| BadArgument(name.to_owned()));
    let carrier = |name: &str| Carrier::named(name).ok_or_else(|| BadArgument(name.to_owned()));
    Ok(match texts[..] {
        ["serve", name, by] => Request::Serve { name: name.to_owned(), carrier: carrier(by)? },
        ["drive", work, name, server, by] => Request::Drive {
            row: row(work)?,
            name: name.to_owned(),
            server: server.to_owned(),
            carrier: carrier(by)?,
        },
        ["serve-tcp"] => Request::ServeTcp,
        ["drive-tcp", work, at] => {
            let at = at.parse().map_err(|_no_address| BadArgument(at.to_owned()))?;
            Request::DriveTcp { row: row(work)?, at }
        }
        ref rest => measure(rest)?,
    })
}

fn measure(mut args: &[&str]) -> Result<Request, BadArgument> {
    let mut rounds = ROUNDS;
    let mut rows = Vec::new();
    loop {
        args = match args {
            [] => break,
            ["--rounds", number, rest @ ..] => {
                let parsed = number.parse().ok().filter(|rounds| *rounds > 0);
                rounds = parsed.ok_or_else(|| BadArgument((*number).to_owned()))?;
                rest
            }
            [name, rest @ ..] => {
                rows.push(Row::named(name).ok_or_else(|| BadArgument((*name).to_owned()))?);
                rest
            }
        }
    }
    if rows.is_empty() {
        rows = Row::ALL.to_vec();
    }
    Ok(Request::Measure { rounds, rows })
}

#[cfg(test)]
mod tests {
    use super::{BadArgument, Request, parse};
    use crate::dist::row::Row;

    fn parsed(line: &str) -> Result<Request, BadArgument> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn rows_and_rounds_are_taken_in_any_order() {
        let expected = Request::Measure { rounds: 3, rows: vec![Row::Call, Row::OneWay] };
        assert_eq!(parsed("call --rounds 3 one_way"), Ok(expected));
        let all = Request::Measure { rounds: 5, rows: Row::ALL.to_vec() };
        assert_eq!(parsed(""), Ok(all));
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (line, named) in [("calls", "calls"), ("--rounds 0", "0"), ("--rounds", "--rounds")] {
            assert_eq!(parsed(line), Err(BadArgument(named.to_owned())));
        }
    }
}
