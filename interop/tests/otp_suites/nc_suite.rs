//! `nc_SUITE` of jinterface: terms of each kind go to the other side and come back.

use super::suite::{Suite, cases};

static SUITE: Suite = Suite::new("nc_suite");

cases!(
    SUITE:
    fn pid_roundtrip();
    fn port_roundtrip();
    fn ref_roundtrip();
    fn new_float();
    fn old_stuff();
    fn binary_roundtrip();
    fn decompress_roundtrip();
    fn integer_roundtrip();
    fn fun_roundtrip();
    fn lists_roundtrip();
    fn lists_roundtrip_2();
    fn lists_iterator();
    fn unicode();
    fn unicode_list_to_string();
    fn unicode_string_to_list();
    fn utf8_atom();
    fn utf8_pid();
    fn utf8_port();
    fn utf8_ref();
    fn connect();
);
