//! An `init` that fails with an error of its own.

use engset::prelude::*;

struct Store;

#[server]
impl Store {
    #[init]
    fn open(&mut self) -> Result<(), std::io::Error> {
        std::fs::create_dir_all("store")
    }

    #[cast]
    fn clear(&mut self) {}
}

fn main() {}
