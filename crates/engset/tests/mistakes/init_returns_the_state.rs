//! An `init` that returns the state, as it does in OTP.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[init]
    fn init(&mut self) -> Counter {
        Counter { value: 1 }
    }

    #[call]
    fn value(&self) -> u64 {
        self.value
    }
}

fn main() {}
