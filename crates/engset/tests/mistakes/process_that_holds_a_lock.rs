//! A server that keeps a lock while it waits.

use engset::prelude::*;
use std::sync::{Arc, Mutex};

struct Counter {
    value: Arc<Mutex<u64>>,
}

#[server]
impl Counter {
    #[call]
    async fn add_slowly(&mut self, by: u64, cx: &mut Cx<CounterMsg>) -> u64 {
        let mut value = self.value.lock().expect("nobody panics with it");
        cx.sleep(std::time::Duration::from_secs(1)).await;
        *value += by;
        *value
    }
}

fn main() {}
