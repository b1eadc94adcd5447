//! Arguments that borrow from the caller.

use engset::prelude::*;

struct Log {
    lines: Vec<String>,
}

#[server]
impl Log {
    #[cast]
    fn write(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    #[cast]
    fn write_all(&mut self, lines: &[String]) {
        self.lines.extend_from_slice(lines);
    }

    #[call]
    fn contains(&self, line: &String) -> bool {
        self.lines.contains(line)
    }
}

fn main() {}
