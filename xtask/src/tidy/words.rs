//! Rules about words: nothing unfinished, no hidden tests, no sleeping tests.

use super::SourceFile;

/// Words that are allowed nowhere; written in two parts so that this file passes its own rule.
const BANNED: [(&str, &str); 5] = [
    (concat!("FIX", "ME"), "repair it or delete it"),
    (concat!("TO", "DO"), "do it or delete it"),
    (concat!("to", "do!"), "write it"),
    (concat!("#[ign", "ore"), "a test runs or does not exist"),
    (concat!("#[should_", "panic"), "assert on the value or the error instead"),
];

pub(crate) fn check(source: &SourceFile, findings: &mut Vec<String>) {
    for (number, line) in (1..).zip(source.text.lines()) {
        for (word, advice) in BANNED {
            if line.contains(word) {
                findings.push(format!("{}:{number}: `{word}`: {advice}", source.path));
            }
        }
        if source.is_test() && sleeps(line) {
            findings.push(format!("{}:{number}: tests do not sleep: wait for the event", source.path));
        }
    }
}

/// Whether a line sleeps in real time. Methods (`cx.sleep(…)`) are driven by virtual time and allowed.
fn sleeps(line: &str) -> bool {
    let call = concat!("sle", "ep(");
    line.contains(concat!("thread::", "sleep"))
        || line.contains(concat!("time::", "sleep"))
        || line.match_indices(call).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '.' | '_' | ':'))
                && !line[..at].ends_with("fn ")
        })
}

#[cfg(test)]
mod tests;
