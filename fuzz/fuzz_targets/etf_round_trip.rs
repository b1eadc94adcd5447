//! Any term, encoded and decoded again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::etf_round_trip::run(data));
