//! Facts about the text that is sent to a node.

use super::{Language, complete, hex};

#[test]
fn erlang_gets_its_full_stop() {
    assert_eq!(complete("1 + 1", Language::Erlang), "1 + 1.");
    assert_eq!(complete(" 1 + 1. \n", Language::Erlang), "1 + 1.");
    assert_eq!(complete("1 + 1", Language::Elixir), "1 + 1");
}

#[test]
fn every_text_is_one_line_of_hex() {
    assert_eq!(hex(""), "");
    assert_eq!(hex("a\nä"), "610ac3a4");
}
