//! Facts about purpose lines, lengths and names.

use super::{LINES_MAX, check};
use crate::tidy::SourceFile;

fn findings(path: &str, text: &str) -> usize {
    let mut findings = Vec::new();
    check(&SourceFile { path: path.to_owned(), text: text.to_owned() }, &mut findings);
    findings.len()
}

#[test]
fn a_file_starts_with_its_purpose() {
    assert_eq!(findings("crates/a/src/b.rs", "//! Does b.\nfn b() {}\n"), 0);
    assert_eq!(findings("crates/a/src/b.rs", "fn b() {}\n"), 1);
    assert_eq!(findings("crates/a/src/b.rs", "//! \n"), 1);
    assert_eq!(findings("crates/a/src/b.rs", "// Does b.\n"), 1);
    assert_eq!(findings("crates/a/src/b.rs", ""), 1);
}

#[test]
fn a_file_has_a_longest_length_unless_it_holds_tests() {
    let allowed = format!("//! Long.\n{}", "\n".repeat(LINES_MAX - 1));
    let forbidden = format!("{allowed}\n");
    assert_eq!(findings("crates/a/src/b.rs", &allowed), 0);
    assert_eq!(findings("crates/a/src/b.rs", &forbidden), 1);
    assert_eq!(findings("crates/a/src/b/tests.rs", &forbidden), 0);
    assert_eq!(findings("crates/a/tests/b.rs", &forbidden), 0);
}

#[test]
fn some_names_say_nothing() {
    assert_eq!(findings("crates/a/src/utils.rs", "//! Things.\n"), 1);
    assert_eq!(findings("crates/a/src/common.rs", "//! Things.\n"), 1);
    assert_eq!(findings("crates/a/src/commons.rs", "//! Things.\n"), 0);
}
