//! The rule about protocol pages: each number in the code has its row in the page.

/// A list of names in the code and the page that explains them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) code: &'static str,
    pub(crate) page: &'static str,
}

pub(crate) const TABLES: [Table; 2] = [
    Table { code: "crates/etf/src/tags.rs", page: "docs/protocol/etf.md" },
    Table { code: "crates/dist/src/control.rs", page: "docs/protocol/dist.md" },
];

pub(crate) fn check(table: &Table, code: &str, page: &str, findings: &mut Vec<String>) {
    let names = names(code);
    if names.is_empty() {
        findings.push(format!("{}: no constant with a number was found", table.code));
    }
    for name in names {
        if !has_word(page, &name) {
            findings.push(format!("{}: {name} of {} is not explained", table.page, table.code));
        }
    }
}

/// Names of integer constants and of enum variants with a number, as in a page: `SEND_SENDER`.
fn names(code: &str) -> Vec<String> {
    code.lines().filter_map(|line| constant(line).or_else(|| variant(line))).collect()
}

/// `pub(crate) const NAME: u8 = 1;`, where the value is a number and the name no limit.
fn constant(line: &str) -> Option<String> {
    let (before, rest) = line.trim().split_once("const ")?;
    let is_item = before.is_empty() || before.starts_with("pub");
    let (name, rest) = rest.split_once(':')?;
    let (kind, value) = rest.split_once('=')?;
    let is_number = matches!(kind.trim(), "u8" | "u16" | "u32" | "u64" | "i64" | "usize")
        && value.trim().trim_end_matches(';').chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_item && is_number && !name.ends_with("_MAX")).then(|| name.trim().to_owned())
}

/// `SendSender = 22,`
fn variant(line: &str) -> Option<String> {
    let (name, value) = line.trim().strip_suffix(',')?.split_once(" = ")?;
    let is_name =
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(char::is_alphanumeric);
    (is_name && value.parse::<u32>().is_ok()).then(|| screaming(name))
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
