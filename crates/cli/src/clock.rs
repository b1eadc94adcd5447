//! The wall clock, for how long certificates are valid.

use time::OffsetDateTime;

/// What time it is.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
