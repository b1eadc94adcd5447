//! A request of a method that has no role, beside one that has.

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

    fn increase(&mut self, by: u64) {
        self.value += by;
    }
}

async fn use_it(counter: CounterRef) -> Result<u64, Exit> {
    counter.increase(3)?;
    Ok(counter.value().await?)
}

fn main() {}
