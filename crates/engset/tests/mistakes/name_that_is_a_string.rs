//! A name that is a string, not an atom.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn value(&self) -> u64 {
        self.value
    }
}

fn main() {
    drop(CounterRef::named("counter"));
}
