//! Facts about answers and their marks.

use super::{Answer, parse_answer, read_lines};

#[track_caller]
fn check(line: &str, expected: Option<&Answer>) {
    assert_eq!(parse_answer(line.as_bytes(), "M7 ").as_ref(), expected);
}

#[test]
fn only_marked_lines_are_answers() {
    check("M7 ok {a,b}\n", Some(&Answer::Ok("{a,b}".to_owned())));
    check("M7 ok two words\n", Some(&Answer::Ok("two words".to_owned())));
    check("M7 raised {error,badarg}\n", Some(&Answer::Raised("{error,badarg}".to_owned())));
    check("M8 ok a\n", None);
    check("M7 maybe a\n", None);
    check("ok a\n", None);
    check("\n", None);
}

#[test]
fn bytes_that_are_no_text_are_no_answer() {
    assert_eq!(parse_answer(b"M7 ok \xff\n", "M7 "), None);
}

#[test]
fn the_last_line_needs_no_end() {
    let mut lines = Vec::new();
    read_lines(&b"one\ntwo"[..], |line| lines.push(line.to_vec()));
    assert_eq!(lines, [&b"one\n"[..], b"two"]);
}
