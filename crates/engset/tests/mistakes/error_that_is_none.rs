//! `?` on an error that is no `std::error::Error`.

use engset::prelude::*;

fn parse(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

async fn play(_cx: Cx<Term>) -> Result<(), Exit> {
    let number = parse("three")?;
    println!("{number}");
    Ok(())
}

fn main() {}
