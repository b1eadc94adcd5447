//! What `cargo metadata` knows about the workspace.

use crate::error::TaskError;
use crate::program::Program;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_dir: PathBuf,
}

/// One package of the workspace.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Package {
    /// The name in its `Cargo.toml`.
    pub(crate) name: String,
    /// The name of its folder.
    pub(crate) folder: String,
    /// Whether its folder is in `crates/`.
    pub(crate) is_crate: bool,
    /// Whether commands without a package name concern it.
    pub(crate) is_default: bool,
    /// Folder names of the workspace packages it depends on, apart from those for tests only.
    pub(crate) uses: BTreeSet<String>,
    /// Names of its binaries.
    pub(crate) bins: Vec<String>,
    /// Names of its examples.
    pub(crate) examples: Vec<String>,
    /// Binaries and examples that run until they are stopped (`package.metadata.xtask.endless`).
    pub(crate) endless: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, TaskError> {
        let args = ["metadata", "--no-deps", "--format-version", "1"];
        parse(&Program::cargo().args(args).output()?).map_err(TaskError::Metadata)
    }
}

pub(crate) fn parse(metadata: &str) -> Result<Workspace, serde_json::Error> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let defaults: BTreeSet<String> = items(&metadata["workspace_default_members"]).map(text).collect();
    let packages = items(&metadata["packages"])
        .map(|item| Package { is_default: defaults.contains(&text(&item["id"])), ..package(item) });
    Ok(Workspace {
        packages: packages.collect(),
        target_dir: PathBuf::from(text(&metadata["target_directory"])),
    })
}

fn package(package: &Value) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().unwrap_or_else(|| Path::new(""));
    let in_folder = folder.parent().and_then(Path::file_name);
    Package {
        name: text(&package["name"]),
        folder: last_part(folder),
        is_crate: in_folder.is_some_and(|name| name == "crates"),
        is_default: false,
        uses: items(&package["dependencies"]).filter_map(used_folder).collect(),
        bins: targets(package, "bin"),
        examples: targets(package, "example"),
        endless: items(&package["metadata"]["xtask"]["endless"]).map(text).collect(),
    }
}

/// The folder of a dependency that is part of the workspace and not for tests only.
fn used_folder(dependency: &Value) -> Option<String> {
    let path = dependency["path"].as_str()?;
    (dependency["kind"] != "dev").then(|| last_part(Path::new(path)))
}

fn targets(package: &Value, kind: &str) -> Vec<String> {
    let of_kind = |target: &&Value| items(&target["kind"]).any(|item| item == kind);
    items(&package["targets"]).filter(of_kind).map(|target| text(&target["name"])).collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
