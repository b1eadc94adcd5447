//! Questions to a name service that answers anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engset_fuzz::epmd_client::run(data));
