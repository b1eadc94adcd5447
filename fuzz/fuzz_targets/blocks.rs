//! Connections that read into the blocks of one node.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::blocks::run(data));
