//! An established connection against a peer that frames anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::connection::run(data));
