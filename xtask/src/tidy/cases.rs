//! Rule about the tables of OTP's test cases: each test that a row names is there.

use std::collections::BTreeMap;

/// The tests that a table names, as (line, path, function).
fn named(page: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    (1..).zip(page.lines()).filter(|(_, line)| line.starts_with('|')).flat_map(|(number, line)| {
        let quoted = line.split('`').skip(1).step_by(2);
        quoted.filter_map(move |quoted| {
            let (path, function) = quoted.rsplit_once("::")?;
            path.ends_with(".rs").then_some((number, path, function))
        })
    })
}

/// How many rows of a table name a test.
pub(crate) fn count(page: &str) -> usize {
    let mut lines: Vec<usize> = named(page).map(|(number, ..)| number).collect();
    lines.dedup();
    lines.len()
}

/// Finds the tests that `page` names and `sources` (by path) do not have.
pub(crate) fn check(name: &str, page: &str, sources: &BTreeMap<&str, &str>, findings: &mut Vec<String>) {
    for (number, path, function) in named(page) {
        let is_there = sources.get(path).is_some_and(|text| {
            text.contains(&format!("fn {function}("))
                || text.contains(&format!("fn r#{function}("))
                || text.contains(&format!("mod {function} {{"))
        });
        if !is_there {
            findings.push(format!("{name}:{number}: there is no test {function} in {path}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| suite | case | test |\n|---|---|---|\n| a | b | `x/t.rs::one` |\n| a | c | `x/t.rs::two`, `y.rs::one` |\n| a | d | no: why |\n";

    #[test]
    fn finds_what_is_not_there() {
        let sources = BTreeMap::from([("x/t.rs", "fn one() {}\nfn two_more() {}")]);
        let mut findings = Vec::new();
        check("p.md", PAGE, &sources, &mut findings);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("p.md:4: there is no test two in x/t.rs"));
    }

    #[test]
    fn counts_rows_that_name_a_test() {
        assert_eq!(count(PAGE), 2);
    }
}
