//! `distribution_SUITE`: much, large and broken data between an Erlang node and Engset nodes.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("distribution_suite");

cases!(
    SUITE:
    fn ping();
    fn bulk_send_small();
    fn bulk_send_big();
    fn bulk_send_bigbig();
    fn link_to_busy();
    fn exit_to_busy();
    fn lost_exit();
    fn link_to_dead();
    fn link_to_dead_new_node();
    fn ref_port_roundtrip();
    fn nil_roundtrip();
    fn stop_dist();
    fn dist_auto_connect_never();
    fn dist_auto_connect_once();
    fn dist_parallel_send();
    fn message_latency_large_message();
    fn message_latency_large_link_exit();
    fn message_latency_large_monitor_exit();
    fn message_latency_large_exit2();
    fn bad_dist_ext_receive();
    fn bad_dist_ext_size();
    fn bad_dist_ext_control();
    fn bad_dist_ext_connection_id();
    fn dist_entry_refc_race();
    fn huge_iovec();
    fn hopefull_export_fun_bug();
);
