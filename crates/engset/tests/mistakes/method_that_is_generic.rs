//! A request with a type parameter.

use engset::prelude::*;

struct Log {
    lines: Vec<String>,
}

#[server]
impl Log {
    #[cast]
    fn write<T: ToString>(&mut self, value: T) {
        self.lines.push(value.to_string());
    }
}

fn main() {}
