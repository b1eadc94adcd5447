//! An argument that cannot be printed.

use engset::prelude::*;

struct Entry {
    text: String,
}

struct Log {
    lines: Vec<String>,
}

#[server(local)]
impl Log {
    #[cast]
    fn write(&mut self, entry: Entry) {
        self.lines.push(entry.text);
    }
}

fn main() {}
