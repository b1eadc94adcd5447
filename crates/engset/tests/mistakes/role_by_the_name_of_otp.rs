//! A role by the name that its callback has in OTP.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[handle_call]
    fn value(&self) -> u64 {
        self.value
    }
}

fn main() {}
