//! The rule about the crate graph: it is as ARCHITECTURE.md says.
//!
//! The table there has the header `| crate | may use | may touch |`; the first two columns hold folder
//! names, separated by `, `, or `–` for none.

use crate::workspace::Package;
use std::collections::{BTreeMap, BTreeSet};

type Table = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn check(packages: &[Package], architecture: &str, findings: &mut Vec<String>) {
    let Some(table) = table(architecture) else {
        findings
            .push("ARCHITECTURE.md: no table with the header `| crate | may use | may touch |`".to_owned());
        return;
    };
    let crates: Vec<&Package> = packages.iter().filter(|package| package.is_crate).collect();
    for package in &crates {
        let folder = &package.folder;
        let Some(allowed) = table.get(folder) else {
            findings.push(format!("ARCHITECTURE.md: the dependency table has no row for {folder}"));
            continue;
        };
        for used in package.uses.difference(allowed) {
            findings.push(format!("crates/{folder}/Cargo.toml: {folder} may not use {used}"));
        }
    }
    for row in table.keys().filter(|row| !crates.iter().any(|package| package.folder == **row)) {
        findings
            .push(format!("ARCHITECTURE.md: the dependency table has a row for {row}, which is no crate"));
    }
}

/// `cargo run -- demo` works as the README says: there is one program to choose from.
pub(crate) fn check_program(packages: &[Package], findings: &mut Vec<String>) {
    let programs: Vec<&str> = packages
        .iter()
        .filter(|package| package.is_default)
        .flat_map(|package| package.bins.iter().map(String::as_str))
        .collect();
    if programs != ["engset"] {
        findings
            .push(format!("Cargo.toml: the default members have the programs {programs:?}, not only engset"));
    }
}

fn table(architecture: &str) -> Option<Table> {
    let mut lines = architecture.lines().map(cells);
    lines.find(|cells| cells.as_slice() == ["crate", "may use", "may touch"])?;
    // The line of dashes under the header.
    lines.next()?;
    Some(
        lines
            .take_while(|cells| cells.len() == 3)
            .map(|cells| (cells[0].clone(), names(&cells[1])))
            .collect(),
    )
}

fn cells(line: &str) -> Vec<String> {
    let Some(inner) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
        return Vec::new();
    };
    inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

fn names(cell: &str) -> BTreeSet<String> {
    let names = cell.split(',').map(|name| name.trim().trim_matches('`'));
    names.filter(|name| !matches!(*name, "" | "–")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
