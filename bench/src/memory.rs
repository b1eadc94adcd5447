//! How much memory this process has in use, as Linux counts it.

use std::fs;

/// Linux counts in pages of this size on the machines this is measured on.
const PAGE_BYTES: u64 = 4096;

/// Resident bytes of this process.
///
/// # Panics
/// Where there is no `/proc/self/statm`.
pub(crate) fn resident_bytes() -> u64 {
    resident("self")
}

/// Resident bytes of another program.
///
/// # Panics
/// Where it is not running.
pub(crate) fn resident_bytes_of(program: u32) -> u64 {
    resident(&program.to_string())
}

fn resident(program: &str) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{program}/statm")).expect("a running program, on Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second number of statm is the resident pages") * PAGE_BYTES
}
