//! `gen_server_SUITE` and `sys_SUITE`: OTP's own functions against servers of an Engset node.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("behaviour_suites");

cases!(
    SUITE: call,
    send_request,
    cast,
    cast_fast,
    info,
    abcast,
    multicall,
    multicall_down,
    call_remote1,
    call_remote2,
    call_remote3,
    call_remote_n1,
    call_remote_n2,
    call_remote_n3,
    reply_by_alias_with_payload,
    log,
    stats,
    trace,
    suspend,
    install,
    special_process,
);
