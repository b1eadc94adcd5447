//! `nc_SUITE` of jinterface: terms of each kind go to the other side and come back.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("nc_suite");

cases!(
    SUITE: pid_roundtrip,
    port_roundtrip,
    ref_roundtrip,
    new_float,
    old_stuff,
    binary_roundtrip,
    decompress_roundtrip,
    integer_roundtrip,
    fun_roundtrip,
    lists_roundtrip,
    lists_roundtrip_2,
    lists_iterator,
    unicode,
    unicode_list_to_string,
    unicode_string_to_list,
    utf8_atom,
    utf8_pid,
    utf8_port,
    utf8_ref,
    connect,
);
