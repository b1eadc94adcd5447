//! Command line values with their checks.

use engset::NodeName;
use std::time::Duration;

/// The longest time limit that can be given: a day.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A time limit in seconds, with decimals.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let limit = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match limit {
        Some(limit) if limit > Duration::ZERO && limit <= TIMEOUT_MAX => Ok(limit),
        _ => Err(format!("a time limit is a number of seconds above 0, up to {}", TIMEOUT_MAX.as_secs())),
    }
}

/// The name of a node.
pub(crate) fn node_name(text: &str) -> Result<NodeName, String> {
    NodeName::new(text).map_err(|error| format!("{error}; a node is named like n1@127.0.0.1"))
}

/// The name of a node of our own.
pub(crate) fn own_name(text: &str) -> Result<NodeName, String> {
    NodeName::new_own(text).map_err(|error| format!("{error}; a node is named like n1@127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::{TIMEOUT_MAX, node_name, seconds};
    use std::time::Duration;

    #[test]
    fn time_limits_are_above_zero_and_at_most_a_day() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("86400"), Ok(TIMEOUT_MAX));
        for wrong in ["86400.1", "0", "-1", "NaN", "inf", "five", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nodes_have_a_name_and_a_host() {
        assert!(node_name("n1@127.0.0.1").is_ok());
        assert!(node_name("n1").unwrap_err().ends_with("a node is named like n1@127.0.0.1"));
    }
}
