//! Facts about the command line.

use super::{BadArgument, ROUNDS, Request, parse};
use crate::row::Row;
use crate::systems::System;

#[track_caller]
fn check(line: &str, expected: &Result<Request, BadArgument>) {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    assert_eq!(&parse(&args), expected);
}

fn unknown(argument: &str) -> Result<Request, BadArgument> {
    Err(BadArgument::Unknown(argument.to_owned()))
}

#[test]
fn without_rows_the_usual_ones_are_measured() {
    check("", &Ok(Request::Parent { rounds: ROUNDS, rows: Row::usual() }));
    check("--rounds 1", &Ok(Request::Parent { rounds: 1, rows: Row::usual() }));
    assert!(!Row::usual().contains(&Row::Live));
}

#[test]
fn rows_are_named() {
    let rows = vec![Row::Call, Row::Live];
    check("call --rounds 3 live", &Ok(Request::Parent { rounds: 3, rows }));
    check("no_such_row", &unknown("no_such_row"));
}

#[test]
fn there_is_at_least_one_round() {
    check("--rounds 0", &Err(BadArgument::Rounds(Some("0".to_owned()))));
    check("--rounds call", &Err(BadArgument::Rounds(Some("call".to_owned()))));
    check("call --rounds", &Err(BadArgument::Rounds(None)));
}

#[test]
fn a_child_measures_one_row_of_one_system() {
    check("--child tokio fan_in", &Ok(Request::Child { system: System::Tokio, row: Row::FanIn }));
    check("--child tokio", &unknown("--child"));
    check("--child no_such_system fan_in", &unknown("no_such_system"));
}

#[test]
fn names_lead_back_to_rows_and_systems() {
    assert!(Row::ALL.iter().all(|&row| Row::named(row.name()) == Some(row)));
    assert!(System::ALL.iter().all(|&system| System::named(system.name()) == Some(system)));
}
