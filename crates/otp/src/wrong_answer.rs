//! What is told of an answer that is not of the expected type: the type and the answer, both shortened.

use engset_etf::{DeError, Payload};
use std::any::type_name;
use std::convert::Infallible;
use std::fmt::{self, Write};

/// How many characters of an answer are shown, and how many of the type.
pub(crate) const SHOWN_MAX: usize = 200;

/// Says what is wrong with the answer in `body`, which was to be a `T`, or where `E` can be a `Result<T, E>`.
pub(crate) fn wrong_answer<T, E>(body: &Payload, error: &DeError) -> String {
    let wanted = if type_name::<E>() == type_name::<Infallible>() {
        type_name::<T>()
    } else {
        type_name::<Result<T, E>>()
    };
    let wanted = shortened(&without_paths(wanted));
    match body.reader().term() {
        Ok(term) => format!("expected `{wanted}`, got {}: {error}", shortened(&term)),
        Err(_) => format!("expected `{wanted}`: {error}"),
    }
}

/// The name of a type without the modules that its parts are in.
fn without_paths(name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for c in name.chars() {
        if c == ':' {
            word.clear();
        } else if c == '_' || c.is_alphanumeric() {
            word.push(c);
        } else {
            short.push_str(&std::mem::take(&mut word));
            short.push(c);
        }
    }
    short + &word
}

/// The first [`SHOWN_MAX`] characters of what `value` prints; no more are kept.
fn shortened(value: &impl fmt::Display) -> String {
    struct Shortened {
        text: String,
        left: usize,
    }
    impl Write for Shortened {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
                self.text.push(c);
            }
            Ok(())
        }
    }
    let mut out = Shortened { text: String::new(), left: SHOWN_MAX };
    if write!(out, "{value}").is_err() {
        out.text.push('…');
    }
    out.text
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use engset_term::Term;

    fn told<T: serde::de::DeserializeOwned + fmt::Debug, E>(term: &Term) -> String {
        let mut body = Vec::new();
        engset_etf::encode_body(term, &mut body);
        let body = Payload::from(Bytes::from(body));
        wrong_answer::<T, E>(&body, &body.deserialize::<T>().expect_err("another type"))
    }

    #[test]
    fn the_type_and_the_answer_are_told() {
        let text = told::<Option<String>, Infallible>(&Term::atom("nope"));
        assert!(text.starts_with("expected `Option<String>`, got nope: "), "{text}");
        let text = told::<u8, Term>(&Term::string("x"));
        assert!(text.starts_with("expected `Result<u8, Term>`, got <<\"x\">>: "), "{text}");
    }

    #[test]
    fn up_to_200_characters_are_shown() {
        let most = "x".repeat(SHOWN_MAX);
        assert_eq!(shortened(&most), most);
        assert_eq!(shortened(&format!("{most}y")), format!("{most}…"));
    }

    #[test]
    fn an_answer_that_is_no_term_is_not_shown() {
        let body = Payload::from(Bytes::from_static(&[104]));
        let error = body.deserialize::<u8>().expect_err("no term");
        assert_eq!(wrong_answer::<u8, Infallible>(&body, &error), format!("expected `u8`: {error}"));
    }
}
