//! The wall clock, for what must differ between starts of a node.

/// Seconds since 1970, wrapped to 32 bits.
#[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub(crate) fn seconds() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    since.map_or(0, |since| since.as_secs() as u32)
}
