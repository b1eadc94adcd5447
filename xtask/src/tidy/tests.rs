//! The repository keeps its rules.

use super::findings;
use crate::root::root;

#[test]
fn tidy_finds_nothing() {
    let findings = findings(&root()).expect("the repository can be read");
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}
