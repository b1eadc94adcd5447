//! Names of the demo's nodes, and the EPMD where they are registered.

use super::{NAMES_TRIED_MAX, find_epmd, free_names};
use engset::Node;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

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

/// Which nodes are known at `at`, and whether an EPMD had to be started; or what was said instead.
fn found_at(at: SocketAddr) -> Result<(usize, bool), String> {
    let node = Node::builder().workers(1).start().unwrap();
    let found = node.block_on(move |cx| async move { find_epmd(at, cx.processes().scheduler()).await });
    let found = found.unwrap().map_err(|failure| failure.summary);
    found.map(|(names, served)| (names.len(), served.is_some()))
}

#[test]
fn an_epmd_is_started_where_there_is_none_and_a_silent_one_is_not_waited_for() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let said = found_at(at).unwrap_err();
    assert_eq!(said, format!("what listens at {at} did not answer within 5s"));
    drop(listener);
    assert_eq!(found_at(at), Ok((0, true)));
}
