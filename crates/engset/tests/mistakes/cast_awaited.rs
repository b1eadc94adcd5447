//! A cast that is awaited like a call.

use engset::prelude::*;

struct Counter {
    value: u64,
}

#[server]
impl Counter {
    #[cast]
    fn add(&mut self, by: u64) {
        self.value += by;
    }
}

async fn play(counter: CounterRef) -> Result<(), Exit> {
    counter.add(3).await?;
    Ok(())
}

fn main() {}
