//! `cargo xtask deps`: the crate graph as it is.

use crate::error::TaskError;
use crate::output;
use crate::workspace::{Package, Workspace};

pub(crate) fn run() -> Result<(), TaskError> {
    let mut packages = Workspace::load()?.packages;
    packages.sort_by_key(|package| (package.uses.len(), package.folder.clone()));
    packages.iter().for_each(|package| output::say(&line(package)));
    Ok(())
}

fn line(package: &Package) -> String {
    let uses: Vec<&str> = package.uses.iter().map(String::as_str).collect();
    let uses = if uses.is_empty() { "–".to_owned() } else { uses.join(", ") };
    format!("{:<9} {uses}", package.folder)
}
