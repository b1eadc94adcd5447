//! Facts about banned words and sleeping.

use super::{check, sleeps};
use crate::tidy::SourceFile;

fn findings(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    check(&SourceFile { path: path.to_owned(), text: text.to_owned() }, &mut findings);
    findings
}

#[test]
fn unfinished_work_is_found_with_its_line() {
    let text = format!("fn a() {{}}\n// {} later\n", concat!("TO", "DO"));
    assert!(findings("crates/a/src/a.rs", &text)[0].starts_with("crates/a/src/a.rs:2: "));
    assert_eq!(findings("a.rs", concat!("{ to", "do!() }")).len(), 1);
    assert_eq!(findings("a.rs", concat!("#[ign", "ore]")).len(), 1);
    assert_eq!(findings("a.rs", concat!("#[should_", "panic(expected = \"x\")]")).len(), 1);
    assert_eq!(findings("a.rs", "// to do things well\n#[test]\n"), Vec::<String>::new());
}

#[test]
fn tests_do_not_sleep_but_other_files_may() {
    let text = concat!("std::thread::sle", "ep(second);");
    assert_eq!(findings("crates/a/tests/b.rs", text).len(), 1);
    assert_eq!(findings("crates/a/src/b/tests.rs", text).len(), 1);
    assert_eq!(findings("crates/a/src/b.rs", text).len(), 0);
}

#[test]
fn virtual_time_is_no_sleep() {
    assert!(sleeps(concat!("tokio::time::sle", "ep(second).await;")));
    assert!(sleeps(concat!("use tokio::time::", "sleep;")));
    assert!(sleeps(concat!("    sle", "ep(second).await;")));
    assert!(!sleeps(concat!("cx.sle", "ep(second).await;")));
    assert!(!sleeps(concat!("context::sle", "ep(second).await;")));
    assert!(!sleeps(concat!("fn a_process_can_sle", "ep() {")));
}
