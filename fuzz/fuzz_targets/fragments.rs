//! The fragments of a connection, against a model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::fragments::run(data));
