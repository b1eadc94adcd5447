//! `erl_distribution_SUITE`: how nodes come to know each other, and what is told of it, on both sides.

use super::suite::{Suite, cases};
use engset::NodeName;

static SUITE: Suite = Suite::new("erl_distribution_suite");

cases!(
    SUITE:
    fn tick();
    fn tick_change();
    fn nodenames();
    fn hostnames();
    fn connect_node();
    fn hidden_node();
    fn setopts();
    fn table_waste();
    fn monitor_nodes_nodedown_reason();
    fn monitor_nodes_node_type();
    fn monitor_nodes_misc();
    fn monitor_nodes_otp_6481();
    fn monitor_nodes_combinations();
    fn monitor_nodes_cleanup();
    fn monitor_nodes_many();
    fn monitor_nodes_down_up();
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
