//! Rules about whole files: purpose line, length, name.

use super::SourceFile;

/// Longest file, tests apart. The aim is half of it.
const LINES_MAX: usize = 800;

/// Files that may be longer, with the reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 4] = ["utils.rs", "helpers.rs", "common.rs", "misc.rs"];

pub(crate) fn check(source: &SourceFile, findings: &mut Vec<String>) {
    let path = &source.path;
    let has_purpose =
        source.text.lines().next().is_some_and(|line| line.len() > 4 && line.starts_with("//! "));
    if !has_purpose {
        findings.push(format!("{path}:1: the first line must say the file's purpose (`//! …`)"));
    }
    let lines = source.text.lines().count();
    let is_excused = LONG_FILES.iter().any(|(long, _)| long == path);
    if lines > LINES_MAX && !source.is_test() && !is_excused {
        findings.push(format!("{path}: {lines} lines, {LINES_MAX} are allowed: split it by state"));
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    if BANNED_NAMES.contains(&name) {
        findings.push(format!("{path}: name the file after what is inside"));
    }
}

#[cfg(test)]
mod tests;
