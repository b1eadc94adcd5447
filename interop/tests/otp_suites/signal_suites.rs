//! `erl_link_SUITE`, `monitor_SUITE` and `signal_SUITE`, as far as they are about two nodes.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("signal_suites");

cases!(
    SUITE:
    fn dist_links();
    fn monitor_nodes();
    fn dist_process_monitors();
    fn busy_dist_port_monitor();
    fn busy_dist_port_link();
    fn otp_5772_dist_link();
    fn otp_5772_dist_monitor();
    fn otp_7946();
    fn otp_17127_dist_link_with_simultaneous_link_unlink();
    fn otp_17127_dist_random();
    fn mon_2();
    fn demon_2();
    fn remote_remove_monitor();
    fn kill2killed();
    fn busy_dist_exit_signal();
    fn busy_dist_demonitor_signal();
    fn busy_dist_down_signal();
    fn busy_dist_unlink_ack_signal();
);
