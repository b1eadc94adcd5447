//! The rule about protocol pages: each number in the code has its row in the page.

/// A list of names in the code and the page that explains them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Where the names are; of several files at least one exists.
    pub(crate) code: &'static [&'static str],
    pub(crate) page: &'static str,
    names: fn(&str) -> Vec<String>,
}

pub(crate) const TABLES: [Table; 2] = [
    Table { code: &["crates/etf/src/tags.rs"], page: "docs/protocol/etf.md", names: constants },
    Table {
        code: &["crates/dist/src/control.rs", "crates/dist/src/control/mod.rs"],
        page: "docs/protocol/dist.md",
        names: operations,
    },
];

pub(crate) fn check(table: &Table, code: &str, page: &str, findings: &mut Vec<String>) {
    let files = table.code.join(" or ");
    let names = (table.names)(code);
    if names.is_empty() {
        findings.push(format!("{files}: no names for {} were found", table.page));
    }
    for name in names {
        if !has_word(page, &name) {
            findings.push(format!("{}: {name} of {files} is not explained", table.page));
        }
    }
}

/// Names of integer constants that are no limits.
fn constants(code: &str) -> Vec<String> {
    code.lines().filter_map(constant).collect()
}

/// `pub(crate) const NAME: u8 = 1;`
fn constant(line: &str) -> Option<String> {
    let (before, rest) = line.trim().split_once("const ")?;
    let is_item = before.is_empty() || before.starts_with("pub");
    let (name, rest) = rest.split_once(':')?;
    let (kind, value) = rest.split_once('=')?;
    let value = value.split(';').next()?.trim();
    let is_number = matches!(kind.trim(), "u8" | "u16" | "u32" | "u64" | "i64" | "usize")
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '\''));
    (is_item && is_number && !name.ends_with("_MAX")).then(|| name.trim().to_owned())
}

/// Names of the variants of `enum Control`, as the specification writes them: `SpawnReply` is `SPAWN_REPLY`.
fn operations(code: &str) -> Vec<String> {
    let lines = code.lines().skip_while(|line| !line.starts_with("pub enum Control {")).skip(1);
    lines.take_while(|line| !line.starts_with('}')).filter_map(variant).collect()
}

/// A line that begins a variant: one level of indentation, then a capital letter.
fn variant(line: &str) -> Option<String> {
    let name = line.strip_prefix("    ")?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| screaming(&name[..end]))
}

fn screaming(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

#[cfg(test)]
mod tests;
