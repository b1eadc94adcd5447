//! `erl_distribution_SUITE`: how nodes come to know each other, and what is told of it, on both sides.

use super::suite::{Suite, cases};
use engset::NodeName;

static SUITE: Suite = Suite::new("erl_distribution_suite");

cases!(
    SUITE: tick,
    tick_change,
    nodenames,
    hostnames,
    connect_node,
    hidden_node,
    setopts,
    table_waste,
    monitor_nodes_nodedown_reason,
    monitor_nodes_node_type,
    monitor_nodes_misc,
    monitor_nodes_otp_6481,
    monitor_nodes_combinations,
    monitor_nodes_cleanup,
    monitor_nodes_many,
    monitor_nodes_down_up,
);

/// What is no name is refused before anything is started.
#[test]
fn illegal_nodenames() {
    for name in ["a", "@host", "a@", "a@b@c", "", "@"] {
        assert!(NodeName::new(name).is_err(), "{name:?}");
        let error = engset::Node::builder().name(name).cookie("cookie").start().err();
        assert!(error.is_some(), "{name:?}");
    }
    let long = format!("{}@host", "n".repeat(256));
    assert!(NodeName::new(&long).is_err());
}
