//! An argument that has no Erlang form, of a server that other nodes can reach.

use engset::prelude::*;

#[derive(Debug)]
struct Entry {
    text: String,
}

struct Log {
    lines: Vec<String>,
}

#[server]
impl Log {
    #[cast]
    fn write(&mut self, entry: Entry) {
        self.lines.push(entry.text);
    }
}

fn main() {}
