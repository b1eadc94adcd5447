//! Splits of clusters whose BEAM node is Elixir's, and of those that speak TLS.

use crate::certs::Authority;
use crate::cluster::{Cluster, Kind};
use crate::groups::split_in_two;
use crate::names::{Names, names_at};

fn elixir() -> Option<Cluster> {
    Cluster::of_kind(1, 1, Kind { prevents_overlap: true, is_elixir: true, tls: None })
}

fn over_tls() -> Option<Cluster> {
    let tls = Some(Authority::new("cluster"));
    Cluster::of_kind(1, 1, Kind { prevents_overlap: true, is_elixir: false, tls })
}

#[test]
fn groups_of_elixir() {
    let Some(cluster) = elixir() else { return };
    split_in_two(&cluster.ready_for_groups());
}

#[test]
fn groups_over_tls() {
    let Some(cluster) = over_tls() else { return };
    split_in_two(&cluster.ready_for_groups());
}

#[test]
fn names_of_elixir() {
    let Some(cluster) = elixir() else { return };
    names(&cluster.ready_for_names());
}

#[test]
fn names_over_tls() {
    let Some(cluster) = over_tls() else { return };
    names(&cluster.ready_for_names());
}

/// Each side forgets the name of the other, both give a name anew, and one of both keeps it when they meet.
fn names(cluster: &Cluster) {
    cluster.connect_all();
    cluster.sync();
    let mut names = Names::new();
    for (node, name) in [("rust0", "r0"), ("beam0", "b0")] {
        cluster.give(&mut names, node, name);
    }
    cluster.expect_names_everywhere(&names);
    cluster.split(&[]);
    cluster.expect_views(&[&["rust0"], &["beam0"]]);
    let sides = [("rust0", "b0"), ("beam0", "r0")].map(|(node, lost)| {
        let mut own = names.clone();
        own.remove(lost);
        cluster.expect_names(node, &own);
        cluster.give(&mut own, node, "both");
        own["both"].clone()
    });
    cluster.heal();
    cluster.connect_all();
    cluster.sync();
    let kept = names_at(cluster.rust("rust0").unwrap()).remove("both").unwrap();
    assert!(sides.contains(&kept), "{kept} is none of {sides:?}");
    names.insert("both".to_owned(), kept);
    cluster.expect_names_everywhere(&names);
}
