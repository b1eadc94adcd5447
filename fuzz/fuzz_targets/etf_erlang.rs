//! Terms, here and in a live Erlang.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::etf_erlang::run(data));
