//! Names for peers that have none: a node that dials us may ask for its name.
//!
//! A name that its node does not need any more is given again, with the next creation, so that peers which ask again
//! and again do not fill the tables of names in the cluster. A name that nobody has proven to need costs nothing: it is
//! kept by the attempt that asked for it.

use std::collections::BTreeMap;

/// How many names without a node are kept to be given again; a name beyond that is forgotten.
pub const POOLED_NAMES_MAX: usize = 1_024;

/// A name and incarnation for a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// `name@host`, with the host that the peer said.
    pub(crate) name: String,
    /// Not below 4: the old protocol has other meanings for those.
    pub(crate) creation: u32,
    /// It was somebody's before.
    pub(crate) is_reused: bool,
}

/// The names without a node, by host.
#[derive(Debug, Default)]
pub(crate) struct DynamicNames {
    free: BTreeMap<String, Vec<Given>>,
    pooled: usize,
}

impl DynamicNames {
    /// A name for a peer on `host`: one that was in use before, or one made of `random`.
    pub(crate) fn give(&mut self, host: &str, random: u64, creation: u32) -> Given {
        let again = self.free.get_mut(host).and_then(Vec::pop);
        if let Some(given) = again {
            self.pooled = self.pooled.saturating_sub(1);
            if self.free.get(host).is_some_and(Vec::is_empty) {
                self.free.remove(host);
            }
            return given;
        }
        Given {
            name: format!("{}@{host}", base_36(random)),
            creation: creation.max(LEAST_CREATION),
            is_reused: false,
        }
    }

    /// The peer is gone: its name is free for another incarnation.
    pub(crate) fn freed(&mut self, given: Given) {
        let creation = given.creation.checked_add(1).unwrap_or(LEAST_CREATION);
        self.pool(Given { creation, is_reused: true, ..given });
    }

    /// The peer did not prove that it may have the name, which came from here.
    pub(crate) fn unused(&mut self, given: Given) {
        self.pool(given);
    }

    fn pool(&mut self, given: Given) {
        let Some((_, host)) = given.name.split_once('@') else { return };
        if self.pooled < POOLED_NAMES_MAX {
            self.pooled = self.pooled.saturating_add(1);
            self.free.entry(host.to_owned()).or_default().push(given);
        }
    }

    /// Whether the pool has a name for this host.
    #[cfg(test)]
    pub(crate) fn has(&self, host: &str) -> bool {
        self.free.contains_key(host)
    }
}

const LEAST_CREATION: u32 = 4;

/// As OTP writes the names that it gives: digits and capitals.
fn base_36(number: u64) -> String {
    let mut digits = Vec::new();
    let mut left = number;
    loop {
        let digit =
            u32::try_from(left % 36).ok().and_then(|digit| char::from_digit(digit, 36)).unwrap_or('0');
        digits.push(digit.to_ascii_uppercase());
        left /= 36;
        if left == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DynamicNames, Given, POOLED_NAMES_MAX, base_36};

    #[test]
    fn a_name_is_given_again_with_the_next_creation() {
        let mut names = DynamicNames::default();
        let first = names.give("h", 36 * 36 + 35, 7);
        assert_eq!(first, Given { name: "10Z@h".to_owned(), creation: 7, is_reused: false });
        assert!(!names.has("h"));
        names.freed(first.clone());
        assert_eq!(
            names.give("other", 1, 0),
            Given { name: "1@other".to_owned(), creation: 4, is_reused: false }
        );
        assert_eq!(names.give("h", 5, 5), Given { creation: 8, is_reused: true, ..first.clone() });
        names.unused(Given { creation: 8, is_reused: true, ..first.clone() });
        assert_eq!(names.give("h", 5, 5), Given { creation: 8, is_reused: true, ..first.clone() });
        names.freed(Given { creation: u32::MAX, ..first });
        assert_eq!(names.give("h", 5, 5).creation, 4);
    }

    #[test]
    fn the_pool_is_bounded() {
        let mut names = DynamicNames::default();
        for number in 0..=POOLED_NAMES_MAX {
            names.freed(Given { name: format!("N{number}@h"), creation: 9, is_reused: false });
        }
        let again = (0..).take_while(|_| names.has("h") && names.give("h", 0, 4).creation == 10).count();
        assert_eq!(again, POOLED_NAMES_MAX);
        names.freed(Given { name: "X@h".to_owned(), creation: 9, is_reused: false });
        assert!(names.has("h"), "there is room again");
    }

    #[test]
    fn names_are_digits_and_capitals() {
        assert_eq!((base_36(0), base_36(35), base_36(36)), ("0".into(), "Z".into(), "10".into()));
        assert_eq!(base_36(u64::MAX), "3W5E11264SGSF");
    }
}
