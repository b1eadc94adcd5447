//! The name service and its clients against anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::epmd::run(data));
