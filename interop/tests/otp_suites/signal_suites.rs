//! `erl_link_SUITE`, `monitor_SUITE` and `signal_SUITE`, as far as they are about two nodes.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("signal_suites");

cases!(
    SUITE: dist_links,
    monitor_nodes,
    dist_process_monitors,
    busy_dist_port_monitor,
    busy_dist_port_link,
    otp_5772_dist_link,
    otp_5772_dist_monitor,
    otp_7946,
    otp_17127_dist_link_with_simultaneous_link_unlink,
    otp_17127_dist_random,
    mon_2,
    demon_2,
    remote_remove_monitor,
    kill2killed,
    busy_dist_exit_signal,
    busy_dist_demonitor_signal,
    busy_dist_down_signal,
    busy_dist_unlink_ack_signal,
);
