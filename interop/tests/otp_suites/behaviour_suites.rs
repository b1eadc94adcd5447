//! `gen_server_SUITE` and `sys_SUITE`: OTP's own functions against servers of an Engset node.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("behaviour_suites");

cases!(
    SUITE:
    fn call();
    fn send_request();
    fn cast();
    fn cast_fast();
    fn info();
    fn abcast();
    fn multicall();
    fn multicall_down();
    fn call_remote1();
    fn call_remote2();
    fn call_remote3();
    fn call_remote_n1();
    fn call_remote_n2();
    fn call_remote_n3();
    fn reply_by_alias_with_payload();
    fn log();
    fn stats();
    fn trace();
    fn suspend();
    fn install();
    fn special_process();
);
