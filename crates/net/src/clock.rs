//! The wall clock, for what must differ between starts of a node, and for what is shown to people.

use time::{OffsetDateTime, UtcOffset};

/// Seconds since 1970, wrapped to 32 bits.
#[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub(crate) fn seconds() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    since.map_or(0, |since| since.as_secs() as u32)
}

/// By how many seconds the local time is ahead of UTC at a time given in seconds since 1970; 0 where the system does not
/// say.
pub(crate) fn utc_offset(unix_seconds: u64) -> i32 {
    let at = i64::try_from(unix_seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let offset = at.and_then(|at| UtcOffset::local_offset_at(at).ok());
    offset.map_or(0, UtcOffset::whole_seconds)
}

/// Which time it was at the beginning of the scheduler's time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub(crate) fn started_at(scheduler: &engset_process::Scheduler) -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs()).saturating_sub(scheduler.now().as_millis() / 1_000)
}
