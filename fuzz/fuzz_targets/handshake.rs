//! Both sides of a handshake against a peer that says anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::handshake::run(data));
