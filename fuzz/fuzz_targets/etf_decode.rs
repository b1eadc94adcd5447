//! Any bytes, decoded as a term.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::etf_decode::run(data));
