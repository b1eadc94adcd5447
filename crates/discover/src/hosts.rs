//! Lists of nodes and hosts as text: plain lines, `.hosts.erlang`, JSON.
//!
//! Plain lines have one node (`name@host`) or one host each; what begins with `#` or `%` is a remark. `.hosts.erlang`
//! is lines of Erlang atoms with a dot after each, as `net_adm:host_file/0` reads it. A text that begins with `[` or
//! `{` is JSON: `["shop@h1", {"name": "stock@h2", "address": "10.0.0.2", "port": 9100}]`, or the same under `nodes`.

use crate::candidate::bounded;
use serde::Deserialize;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

/// The longest file of nodes and hosts, in bytes.
pub const HOSTS_BYTES_MAX: usize = 1 << 20;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostsLine {
    /// A node's name where it has an `@`; without, a host whose EPMD is to be asked.
    pub text: String,
    /// Where it stands: the line, from 1; in JSON the entry, from 1.
    pub number: usize,
    /// The node's address, where given.
    pub address: Option<IpAddr>,
    /// The node's port, where given.
    pub tcp_port: Option<u16>,
}

/// A list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostsError {
    /// Whoever wrote it: more than [`HOSTS_BYTES_MAX`] bytes.
    TooLong,
    /// Whoever wrote it: no UTF-8.
    NotUtf8,
    /// Whoever wrote it: it begins as JSON and is none, or none of this form.
    Json {
        /// What the parser says.
        error: String,
    },
    /// Whoever wrote it: in this line of Erlang terms is something else than an atom or a string with a dot after it.
    NotAnAtom {
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for HostsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it has more than {HOSTS_BYTES_MAX} bytes; split it"),
            Self::NotUtf8 => f.write_str("it is not UTF-8; save it so"),
            Self::Json { error } => write!(
                f,
                "it is no JSON list of nodes: {error}; write [\"name@host\", …] or {{\"nodes\": […]}}"
            ),
            Self::NotAnAtom { line } => {
                write!(f, "line {line} is no Erlang atom with a dot after it; write 'host.example.org'.")
            }
        }
    }
}

impl Error for HostsError {}

/// Reads a list; its form is told from how it begins.
///
/// ```
/// use engset_discover::parse_hosts;
///
/// let lines = parse_hosts(b"'db.example.org'.\nshop@h1\n")?;
/// assert_eq!((lines[0].text.as_str(), lines[1].text.as_str()), ("db.example.org", "shop@h1"));
/// # Ok::<(), engset_discover::HostsError>(())
/// ```
///
/// # Errors
/// [`HostsError`] where it cannot be read; then none of it is used.
pub fn parse_hosts(bytes: &[u8]) -> Result<Vec<HostsLine>, HostsError> {
    if bytes.len() > HOSTS_BYTES_MAX {
        return Err(HostsError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_error| HostsError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim_start().chars().next() {
        Some('[' | '{') => json(text),
        _ => lines(text),
    }
}

fn lines(text: &str) -> Result<Vec<HostsLine>, HostsError> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(['#', '%']).next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let text = match line.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                quoted(line, quote).ok_or(HostsError::NotAnAtom { line: number })?
            }
            // A dot at the end is Erlang's, or the root of DNS: neither belongs to the host.
            _ => line.strip_suffix('.').unwrap_or(line),
        };
        found.push(HostsLine { text: text.to_owned(), number, address: None, tcp_port: None });
    }
    Ok(found)
}

/// What is between the quotes of `'…'.`.
fn quoted(line: &str, quote: char) -> Option<&str> {
    let (inside, after) = line.strip_prefix(quote)?.split_once(quote)?;
    (after.trim() == "." && !inside.is_empty() && !inside.contains('\\')).then_some(inside)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    List(Vec<Entry>),
    Object { nodes: Vec<Entry> },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Text(String),
    Object { name: String, address: Option<IpAddr>, port: Option<u16> },
}

fn json(text: &str) -> Result<Vec<HostsLine>, HostsError> {
    let document: Document = serde_json::from_str(text)
        .map_err(|error| HostsError::Json { error: bounded(&error.to_string()) })?;
    let (Document::List(entries) | Document::Object { nodes: entries }) = document;
    let line = |(number, entry)| match entry {
        Entry::Text(text) => HostsLine { text, number, address: None, tcp_port: None },
        Entry::Object { name, address, port } => HostsLine { text: name, number, address, tcp_port: port },
    };
    Ok((1..).zip(entries).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::{HOSTS_BYTES_MAX, HostsError, HostsLine, parse_hosts};

    fn texts(text: &str) -> Vec<(String, usize)> {
        let lines: Vec<HostsLine> = parse_hosts(text.as_bytes()).unwrap();
        lines.into_iter().map(|line| (line.text, line.number)).collect()
    }

    fn pairs(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
        expected.iter().map(|(text, number)| ((*text).to_owned(), *number)).collect()
    }

    #[test]
    fn plain_lines_have_nodes_and_hosts_and_remarks() {
        let text = "# our nodes\n\nshop@h1   # the first\n  h2.example.org.\n% done\n";
        assert_eq!(texts(text), pairs(&[("shop@h1", 3), ("h2.example.org", 4)]));
    }

    #[test]
    fn hosts_erlang_has_atoms_with_dots() {
        let text = "%% hosts\n'super.eua.ericsson.se'.\n'renat.eua.ericsson.se'.\ngrouse.\n";
        let expected = [("super.eua.ericsson.se", 2), ("renat.eua.ericsson.se", 3), ("grouse", 4)];
        assert_eq!(texts(text), pairs(&expected));
        for wrong in ["'a'", "'a", "''.", "'a'. 'b'.", "'a\\n'."] {
            assert_eq!(parse_hosts(wrong.as_bytes()), Err(HostsError::NotAnAtom { line: 1 }), "{wrong}");
        }
    }

    #[test]
    fn json_has_names_and_objects() {
        let text = r#"["a@h", {"name": "b@h", "address": "10.0.0.2", "port": 9100}]"#;
        let lines = parse_hosts(text.as_bytes()).unwrap();
        assert_eq!((lines[1].address, lines[1].tcp_port), ("10.0.0.2".parse().ok(), Some(9_100)));
        assert_eq!(texts(r#" {"nodes": ["a@h"]}"#), pairs(&[("a@h", 1)]));
        for wrong in ["[", "[1]", "{}", r#"{"nodes": "a@h"}"#] {
            assert!(matches!(parse_hosts(wrong.as_bytes()), Err(HostsError::Json { .. })), "{wrong}");
        }
    }

    #[test]
    fn lists_have_a_limit() {
        let mut longest = "# ".to_owned();
        longest.push_str(&"x".repeat(HOSTS_BYTES_MAX - 2));
        assert_eq!(parse_hosts(longest.as_bytes()), Ok(Vec::new()));
        longest.push('x');
        assert_eq!(parse_hosts(longest.as_bytes()), Err(HostsError::TooLong));
        assert_eq!(parse_hosts(&[0xff]), Err(HostsError::NotUtf8));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            drop(parse_hosts(&bytes));
        }
    }
}
