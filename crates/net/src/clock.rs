//! The wall clock, for what must differ between starts of a node.

/// Seconds since 1970, wrapped to 32 bits.
#[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub(crate) fn seconds() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    since.map_or(0, |since| since.as_secs() as u32)
}

/// Which time it was at the beginning of the scheduler's time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub(crate) fn started_at(scheduler: &engset_process::Scheduler) -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs()).saturating_sub(scheduler.now().as_millis() / 1_000)
}
