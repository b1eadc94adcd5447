//! `cargo xtask tidy`: the rules that a machine can keep. It runs as a test of this package too.
//!
//! Each rule is a function from data to findings; this file reads the repository and calls them.

mod cases;
mod effects;
mod files;
mod graph;
mod protocol;
mod words;

use crate::error::TaskError;
use crate::output;
use crate::root::root;
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where Rust files are looked for.
const FOLDERS: [&str; 6] = ["crates", "interop", "bench", "examples", "xtask", "fuzz"];

/// Where the tables of OTP's test cases are, and the page that sums them up.
const CASES: &str = "docs/otp_cases";
const CASES_PAGE: &str = "docs/otp_cases.md";

/// Folders that hold nothing written by hand.
const SKIPPED_FOLDERS: [&str; 3] = ["target", "corpus", "artifacts"];

/// A Rust file of the repository.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// Whether the file holds tests only.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

pub(crate) fn run() -> Result<(), TaskError> {
    let findings = findings(&root())?;
    findings.iter().for_each(|finding| output::say(finding));
    if findings.is_empty() { Ok(()) } else { Err(TaskError::Untidy { findings: findings.len() }) }
}

/// Every broken rule, as `path[:line]: what is wrong`.
fn findings(root: &Path) -> Result<Vec<String>, TaskError> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        if root.join(folder).is_dir() {
            collect(root, &root.join(folder), &mut sources)?;
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    let mut findings = Vec::new();
    for source in &sources {
        files::check(source, &mut findings);
        words::check(source, &mut findings);
        effects::check(source, &mut findings);
    }
    let by_path: BTreeMap<&str, &str> =
        sources.iter().map(|source| (source.path.as_str(), source.text.as_str())).collect();
    let mut cases = 0;
    for (name, page) in pages(root, CASES)? {
        cases += cases::count(&page);
        cases::check(&name, &page, &by_path, &mut findings);
    }
    let told = format!("{cases} of them as native tests");
    if !text_or_nothing(root, CASES_PAGE)?.contains(&told) {
        findings.push(format!("{CASES_PAGE}: says another number than `{told}`"));
    }
    let packages = Workspace::load()?.packages;
    graph::check_program(&packages, &mut findings);
    graph::check(&packages, &text_or_nothing(root, "ARCHITECTURE.md")?, &mut findings);
    for table in protocol::TABLES {
        let mut code = String::new();
        for path in table.code {
            code.push_str(&text_or_nothing(root, path)?);
        }
        protocol::check(&table, &code, &text_or_nothing(root, table.page)?, &mut findings);
    }
    Ok(findings)
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<SourceFile>) -> Result<(), TaskError> {
    let unreadable = |source| TaskError::Unreadable { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) && !name.starts_with('.') {
                collect(root, &path, sources)?;
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path);
            let text = text.map_err(|source| TaskError::Unreadable { path: path.clone(), source })?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            sources.push(SourceFile { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    }
    Ok(())
}

/// The pages of a folder, as (path, text).
fn pages(root: &Path, folder: &str) -> Result<Vec<(String, String)>, TaskError> {
    let path = root.join(folder);
    let unreadable = |source| TaskError::Unreadable { path: path.clone(), source };
    let mut pages = Vec::new();
    for entry in fs::read_dir(&path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        let name = format!("{folder}/{name}");
        let text = text_or_nothing(root, &name)?;
        pages.push((name, text));
    }
    pages.sort();
    Ok(pages)
}

/// A file's text; empty when there is no such file, which the rules report in their own words.
fn text_or_nothing(root: &Path, path: &str) -> Result<String, TaskError> {
    let path = root.join(path);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(TaskError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests;
