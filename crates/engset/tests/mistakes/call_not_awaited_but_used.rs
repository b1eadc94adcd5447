//! The value of a call that is not awaited.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }
}

async fn play(counter: CounterRef) -> Result<u64, Exit> {
    let sum: u64 = counter.add(3)?;
    Ok(sum)
}

fn main() {}
