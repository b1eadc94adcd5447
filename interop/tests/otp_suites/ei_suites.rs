//! `ei_accept_SUITE`, `ei_connect_SUITE` and `ei_tmo_SUITE` of erl_interface, with Engset nodes in the place of C nodes.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("ei_suites");

cases!(
    SUITE:
    fn ei_accept();
    fn ei_threaded_accept();
    fn monitor_ei_process();
    fn ei_threaded_send();
    fn ei_send();
    fn ei_format_pid();
    fn ei_send_funs();
    fn ei_reg_send();
    fn ei_reg_send_large();
    fn ei_rpc();
    fn ei_make_ref();
    fn ei_make_pid();
    fn ei_link_unlink();
    fn ei_connect_unreachable_tmo();
    fn ei_connect_tmo();
    fn ei_accept_tmo();
    fn ei_recv_tmo();
    fn ei_send_tmo();
    fn ei_send_failure_tmo();
    fn ei_dflags();
);
