//! Facts about the file with the cookie.

use super::entry;

#[test]
fn an_entry_is_for_any_display() {
    let wanted = b"\xFF\xFF\x00\x00\x00\x00\x00\x12MIT-MAGIC-COOKIE-1\x00\x02ab";
    assert_eq!(entry(b"ab"), wanted);
}
