//! Facts about the limit of the log.

use super::{OUTPUT_BYTES_MAX, OutputLog};

#[test]
fn everything_up_to_the_limit_is_kept() {
    let log = OutputLog::default();
    log.push(b"ab");
    log.push(&vec![b'x'; OUTPUT_BYTES_MAX - 2]);
    assert_eq!(log.text().len(), OUTPUT_BYTES_MAX);
    assert!(log.text().starts_with("abx"));
}

#[test]
fn above_the_limit_the_oldest_bytes_go() {
    let log = OutputLog::default();
    log.push(b"ab");
    log.push(&vec![b'x'; OUTPUT_BYTES_MAX - 1]);
    assert_eq!(log.text().len(), OUTPUT_BYTES_MAX);
    assert!(log.text().starts_with("bx"));
}

#[test]
fn one_line_above_the_limit_keeps_its_end() {
    let log = OutputLog::default();
    let mut line = vec![b'x'; OUTPUT_BYTES_MAX];
    line.push(b'e');
    log.push(&line);
    assert_eq!(log.text().len(), OUTPUT_BYTES_MAX);
    assert!(log.text().ends_with("xe"));
}
