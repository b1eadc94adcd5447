//! Names of the demo's nodes.

use super::{NAMES_TRIED_MAX, free_names};

fn taken(names: &[&str]) -> Vec<(String, u16)> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[test]
fn the_first_demo_has_plain_names() {
    let names = free_names(&taken(&["other"])).unwrap();
    assert_eq!(names, ["n1@127.0.0.1", "n2@127.0.0.1", "n3@127.0.0.1"]);
}

#[test]
fn one_taken_name_changes_all() {
    let names = free_names(&taken(&["n2", "n3-2"])).unwrap();
    assert_eq!(names, ["n1-3@127.0.0.1", "n2-3@127.0.0.1", "n3-3@127.0.0.1"]);
}

#[test]
fn the_number_of_demos_is_limited() {
    let mut running: Vec<(String, u16)> = (2..NAMES_TRIED_MAX).map(|run| (format!("n1-{run}"), 1)).collect();
    running.push(("n1".to_owned(), 1));
    assert_eq!(free_names(&running).unwrap()[0], format!("n1-{NAMES_TRIED_MAX}@127.0.0.1"));
    running.push((format!("n3-{NAMES_TRIED_MAX}"), 1));
    assert!(free_names(&running).unwrap_err().summary.contains("100 demos"));
}
