//! What a strategy says: candidates, what it left out itself, and why it has no answer.

use std::error::Error;
use std::fmt;

/// The longest node name, in characters, as in the distribution protocol.
pub const NAME_CHARACTERS_MAX: usize = 255;
/// The longest text about a source, a refusal or an error that is kept, in bytes; what is longer is cut.
pub const TEXT_BYTES_MAX: usize = 512;

/// A node that may be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// Its name, `name@host`, as its source spells it: not checked yet.
    pub name: String,
    /// Its address, where the source knows it. Shown; the node is dialled by the host part of its name.
    pub address: Option<std::net::IpAddr>,
    /// The port at which it listens, where the source knows it. Shown; EPMD is asked when the node is dialled.
    pub tcp_port: Option<u16>,
    /// Where it was found, for people: a record, a line of a file, a slice.
    pub found_in: String,
}

/// What a strategy found at one time: all of it, not the difference to what it found before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The nodes found.
    pub candidates: Vec<Candidate>,
    /// What was found and is no candidate.
    pub refused: Vec<LeftOut>,
    /// What was asked, for people.
    pub query: String,
    /// What was answered, for people.
    pub answer: String,
}

/// Something that a strategy found and does not offer as a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What it is: a name, an address, a packet's sender.
    pub what: String,
    /// Why it was left out, and what to do.
    pub why: String,
}

/// A strategy has no answer. Whatever it found before stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyError {
    /// What failed, on which side, and what to do.
    pub text: String,
}

/// Why a text is no name of a node that can be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// It has not exactly one `@`.
    NotNameAtHost,
    /// Nothing stands before the `@`.
    EmptyName,
    /// Nothing stands after the `@`.
    EmptyHost,
    /// It has more than [`NAME_CHARACTERS_MAX`] characters.
    TooLong,
    /// The part before the `@` has other characters than letters, digits, `_` and `-`: no BEAM starts under it.
    BadName,
    /// The part after the `@` has a blank or a control character.
    BadHost,
}

impl Candidate {
    /// A candidate of which only the name is known.
    ///
    /// ```
    /// let candidate = engset_discover::Candidate::named("shop@10.0.0.7", "line 3");
    /// assert_eq!((candidate.address, candidate.tcp_port), (None, None));
    /// ```
    pub fn named(name: impl Into<String>, found_in: impl Into<String>) -> Self {
        Self { name: name.into(), address: None, tcp_port: None, found_in: found_in.into() }
    }
}

impl LeftOut {
    /// Says what was left out and why; both are cut to [`TEXT_BYTES_MAX`].
    pub fn new(what: &str, why: &str) -> Self {
        Self { what: bounded(what), why: bounded(why) }
    }
}

impl StrategyError {
    /// Says what failed; cut to [`TEXT_BYTES_MAX`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: bounded(text) }
    }
}

impl fmt::Display for StrategyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for StrategyError {}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNameAtHost => f.write_str("a node is named name@host, with one @"),
            Self::EmptyName => f.write_str("nothing stands before the @"),
            Self::EmptyHost => f.write_str("nothing stands after the @"),
            Self::TooLong => write!(f, "a node's name has at most {NAME_CHARACTERS_MAX} characters"),
            Self::BadName => f.write_str("before the @ stand letters, digits, _ and - only"),
            Self::BadHost => f.write_str("after the @ stands no blank and no control character"),
        }
    }
}

impl Error for NameProblem {}

/// Whether `name` can be the name of a node. Keeps nothing of it.
///
/// ```
/// use engset_discover::{NameProblem, check_name};
///
/// assert_eq!(check_name("shop@10.0.0.7"), Ok(()));
/// assert_eq!(check_name("shop"), Err(NameProblem::NotNameAtHost));
/// ```
///
/// # Errors
/// [`NameProblem`] says what is wrong with it.
pub fn check_name(name: &str) -> Result<(), NameProblem> {
    // A character has at most four bytes, so a longer text need not be counted.
    if name.len() > 4 * NAME_CHARACTERS_MAX || name.chars().count() > NAME_CHARACTERS_MAX {
        return Err(NameProblem::TooLong);
    }
    let (before, host) = name.split_once('@').ok_or(NameProblem::NotNameAtHost)?;
    if host.contains('@') {
        return Err(NameProblem::NotNameAtHost);
    }
    if before.is_empty() {
        return Err(NameProblem::EmptyName);
    }
    if host.is_empty() {
        return Err(NameProblem::EmptyHost);
    }
    if !before.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(NameProblem::BadName);
    }
    if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(NameProblem::BadHost);
    }
    Ok(())
}

/// `text` without control characters, cut to [`TEXT_BYTES_MAX`].
pub(crate) fn bounded(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for c in text.chars() {
        if kept.len() + c.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        kept.push(if c.is_control() { ' ' } else { c });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{NAME_CHARACTERS_MAX, NameProblem, TEXT_BYTES_MAX, bounded, check_name};

    #[test]
    fn names_have_one_at_and_plain_characters() {
        for good in ["a@h", "my-app_1@10.0.0.1", "a@fdaa::1", "a@pod.ns.svc.cluster.local"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let wrong = [
            ("", NameProblem::NotNameAtHost),
            ("a", NameProblem::NotNameAtHost),
            ("a@b@c", NameProblem::NotNameAtHost),
            ("@h", NameProblem::EmptyName),
            ("a@", NameProblem::EmptyHost),
            ("a b@h", NameProblem::BadName),
            ("a.b@h", NameProblem::BadName),
            ("a@h\n", NameProblem::BadHost),
            ("a@h h", NameProblem::BadHost),
        ];
        for (name, problem) in wrong {
            assert_eq!(check_name(name), Err(problem), "{name:?}");
        }
    }

    #[test]
    fn names_are_as_long_as_the_protocol_allows() {
        let longest = format!("a@{}", "h".repeat(NAME_CHARACTERS_MAX - 2));
        assert_eq!(check_name(&longest), Ok(()));
        assert_eq!(check_name(&format!("{longest}h")), Err(NameProblem::TooLong));
        assert_eq!(check_name(&"ü".repeat(10_000)), Err(NameProblem::TooLong));
    }

    #[test]
    fn texts_are_cut_at_their_limit_and_have_no_control_characters() {
        let longest = "x".repeat(TEXT_BYTES_MAX);
        assert_eq!(bounded(&longest), longest);
        assert_eq!(bounded(&format!("{longest}y")), longest);
        assert_eq!(bounded(&"ü".repeat(TEXT_BYTES_MAX)).len(), TEXT_BYTES_MAX);
        assert_eq!(bounded("a\u{1b}[31m\nb"), "a [31m b");
    }
}
