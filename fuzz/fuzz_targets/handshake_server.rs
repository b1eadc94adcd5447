//! A handshake that was accepted, with a peer that knows the cookie.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::handshake_server::run(data));
