//! Any bytes, decoded as a control message.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::control::run(data));
