//! Facts about the dependency table.

use super::{check, check_program};
use crate::workspace::Package;

const ARCHITECTURE: &str = "\
# Architecture

| crate | may use | may touch |
|---|---|---|
| `term` | – | nothing |
| etf | term | nothing |
| net | `term`, `etf` | sockets |

Text after it.
";

fn package(folder: &str, uses: &[&str]) -> Package {
    let uses = uses.iter().map(|&name| name.to_owned()).collect();
    Package { folder: folder.to_owned(), is_crate: true, uses, ..Package::default() }
}

#[track_caller]
fn finds(packages: &[Package], architecture: &str, expected: &[&str]) {
    let mut findings = Vec::new();
    check(packages, architecture, &mut findings);
    assert_eq!(findings.len(), expected.len(), "{findings:?}");
    for (finding, part) in findings.iter().zip(expected) {
        assert!(finding.contains(part), "{finding}");
    }
}

#[test]
fn what_the_table_allows_may_be_used() {
    let crates = [package("term", &[]), package("etf", &["term"]), package("net", &["etf"])];
    finds(&crates, ARCHITECTURE, &[]);
}

#[test]
fn what_it_does_not_allow_may_not() {
    let crates = [package("term", &["etf"]), package("etf", &["term"]), package("net", &[])];
    finds(&crates, ARCHITECTURE, &["term may not use etf"]);
}

#[test]
fn every_crate_has_a_row_and_every_row_a_crate() {
    let crates = [package("term", &[]), package("etf", &[]), package("otp", &[])];
    finds(&crates, ARCHITECTURE, &["no row for otp", "a row for net"]);
}

#[test]
fn packages_outside_crates_are_free() {
    let bench = Package { is_crate: false, ..package("bench", &["net"]) };
    let crates = [package("term", &[]), package("etf", &[]), package("net", &[]), bench];
    finds(&crates, ARCHITECTURE, &[]);
}

#[test]
fn without_the_table_that_is_the_finding() {
    finds(&[package("term", &[])], "# Architecture\n", &["no table"]);
    finds(&[package("term", &[])], "", &["no table"]);
}

#[test]
fn the_only_program_to_run_is_engset() {
    let cli = Package { is_default: true, bins: vec!["engset".to_owned()], ..Package::default() };
    let other = Package { is_default: true, bins: vec!["other".to_owned()], ..Package::default() };
    let aside = Package { is_default: false, bins: vec!["aside".to_owned()], ..Package::default() };
    let findings = |packages: &[Package]| {
        let mut findings = Vec::new();
        check_program(packages, &mut findings);
        findings.len()
    };
    assert_eq!(findings(&[cli, aside]), 0);
    assert_eq!(findings(&[other]), 1);
    assert_eq!(findings(&[]), 1);
}
