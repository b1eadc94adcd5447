//! `#[server]` on the block of a generic type.

use engset::prelude::*;

struct Store<T> {
    values: Vec<T>,
}

#[server]
impl<T: Send + 'static> Store<T> {
    #[cast]
    fn push(&mut self, value: T) {
        self.values.push(value);
    }
}

fn main() {}
