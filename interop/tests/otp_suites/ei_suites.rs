//! `ei_accept_SUITE`, `ei_connect_SUITE` and `ei_tmo_SUITE` of erl_interface, with Engset nodes in the place of C nodes.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("ei_suites");

cases!(
    SUITE: ei_accept,
    ei_threaded_accept,
    monitor_ei_process,
    ei_threaded_send,
    ei_send,
    ei_format_pid,
    ei_send_funs,
    ei_reg_send,
    ei_reg_send_large,
    ei_make_ref,
    ei_make_pid,
    ei_link_unlink,
    ei_connect_unreachable_tmo,
    ei_connect_tmo,
    ei_accept_tmo,
    ei_recv_tmo,
    ei_send_tmo,
    ei_send_failure_tmo,
    ei_dflags,
);
