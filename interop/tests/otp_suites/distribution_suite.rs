//! `distribution_SUITE`: much, large and broken data between an Erlang node and Engset nodes.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("distribution_suite");

cases!(
    SUITE: ping,
    bulk_send_small,
    bulk_send_big,
    bulk_send_bigbig,
    link_to_busy,
    exit_to_busy,
    lost_exit,
    link_to_dead,
    link_to_dead_new_node,
    ref_port_roundtrip,
    nil_roundtrip,
    stop_dist,
    dist_auto_connect_never,
    dist_auto_connect_once,
    dist_parallel_send,
    message_latency_large_message,
    message_latency_large_link_exit,
    message_latency_large_monitor_exit,
    message_latency_large_exit2,
    bad_dist_ext_receive,
    bad_dist_ext_size,
    bad_dist_ext_control,
    bad_dist_ext_connection_id,
    dist_entry_refc_race,
    huge_iovec,
    hopefull_export_fun_bug,
);
