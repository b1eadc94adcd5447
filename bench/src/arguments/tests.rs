//! Facts about the command line.

use super::{ROUNDS, ROUNDS_QUICK, Request, parse};
use crate::row::Row;
use crate::systems::System;

#[track_caller]
fn check(line: &str, expected: Option<&Request>) {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    assert_eq!(parse(&args).ok().as_ref(), expected);
}

#[test]
fn without_rows_all_are_measured() {
    check("", Some(&Request::Parent { rounds: ROUNDS, rows: Row::ALL.to_vec() }));
    check("--quick", Some(&Request::Parent { rounds: ROUNDS_QUICK, rows: Row::ALL.to_vec() }));
}

#[test]
fn rows_are_named() {
    check(
        "call --quick spawn",
        Some(&Request::Parent { rounds: ROUNDS_QUICK, rows: vec![Row::Call, Row::Spawn] }),
    );
    check("no_such_row", None);
}

#[test]
fn a_child_measures_one_row_of_one_system() {
    check("--child tokio fan_in", Some(&Request::Child { system: System::Tokio, row: Row::FanIn }));
    check("--child tokio", None);
    check("--child no_such_system fan_in", None);
}

#[test]
fn names_lead_back_to_rows_and_systems() {
    assert!(Row::ALL.iter().all(|&row| Row::named(row.name()) == Some(row)));
    assert!(System::ALL.iter().all(|&system| System::named(system.name()) == Some(system)));
}
