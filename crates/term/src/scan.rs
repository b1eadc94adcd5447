//! The words of Erlang's term syntax: numbers, quoted text, plain words, white space.

use alloc::string::String;

use num_bigint::BigInt;

use crate::parse::ParseErrorKind;
use crate::{Integer, Term};

/// A position in a text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes past `token` if it stands here.
    pub(crate) fn accept(&mut self, token: &str) -> bool {
        let here = self.rest().starts_with(token);
        if here {
            self.at = self.at.saturating_add(token.len());
        }
        here
    }

    /// Goes past white space and `token`.
    pub(crate) fn expect(&mut self, token: &str) -> Result<(), ParseErrorKind> {
        self.skip_space();
        if self.accept(token) {
            Ok(())
        } else if self.peek().is_none() {
            Err(ParseErrorKind::UnexpectedEnd)
        } else {
            Err(ParseErrorKind::UnexpectedCharacter)
        }
    }

    /// Goes past white space and comments.
    pub(crate) fn skip_space(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.peek() != Some('%') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    /// A run of the characters names are made of.
    pub(crate) fn word(&mut self) -> &'a str {
        self.take_while(crate::atom::is_name_character)
    }

    /// A text between `quote` marks, the first of which stands here.
    pub(crate) fn quoted(&mut self, quote: char) -> Result<String, ParseErrorKind> {
        self.next();
        let mut text = String::new();
        loop {
            let c = self.next().ok_or(ParseErrorKind::UnexpectedEnd)?;
            if c == quote {
                return Ok(text);
            }
            text.push(if c == '\\' { self.escape()? } else { c });
        }
    }

    /// An integer, a float or a character after `$`, with or without a sign.
    pub(crate) fn number(&mut self) -> Result<Term, ParseErrorKind> {
        self.skip_space();
        let negative = self.accept("-");
        if !negative {
            self.accept("+");
        }
        if self.accept("$") {
            let c = self.next().ok_or(ParseErrorKind::UnexpectedEnd)?;
            let code = i64::from(u32::from(if c == '\\' { self.escape()? } else { c }));
            return Ok(Term::Int(if negative { code.saturating_neg() } else { code }));
        }
        let start = self.at;
        let whole = self.take_while(|c| c.is_ascii_digit() || c == '_');
        if whole.is_empty() {
            let end = self.peek().is_none();
            return Err(if end {
                ParseErrorKind::UnexpectedEnd
            } else {
                ParseErrorKind::UnexpectedCharacter
            });
        }
        if self.accept("#") {
            let base = whole.parse().ok().filter(|base| (2..=36).contains(base));
            let digits = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            return integer(digits, base.ok_or(ParseErrorKind::BadNumber)?, negative);
        }
        if self.fraction_follows() {
            self.at = self.at.saturating_add(1);
            return self.float(start, negative);
        }
        integer(whole, 10, negative)
    }

    /// After the point of a float that began at `start`.
    fn float(&mut self, start: usize, negative: bool) -> Result<Term, ParseErrorKind> {
        self.take_while(|c| c.is_ascii_digit() || c == '_');
        if self.accept("e") || self.accept("E") {
            if !self.accept("-") {
                self.accept("+");
            }
            if self.take_while(|c| c.is_ascii_digit()).is_empty() {
                return Err(ParseErrorKind::BadNumber);
            }
        }
        let text = without_underscores(self.text.get(start..self.at).unwrap_or(""))?;
        let value: f64 = text.parse().map_err(|_malformed| ParseErrorKind::BadNumber)?;
        let value = if negative { -value } else { value };
        Term::float(value).map_err(|_infinite| ParseErrorKind::FloatTooLarge)
    }

    fn fraction_follows(&self) -> bool {
        let mut next = self.rest().chars();
        next.next() == Some('.') && next.next().is_some_and(|c| c.is_ascii_digit())
    }

    /// The character an escape sequence means; the backslash is behind us.
    fn escape(&mut self) -> Result<char, ParseErrorKind> {
        let c = self.next().ok_or(ParseErrorKind::UnexpectedEnd)?;
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'e' => '\u{1b}',
            'd' => '\u{7f}',
            's' => ' ',
            'x' => return self.hexadecimal(),
            '0'..='7' => return self.octal(c),
            '^' => {
                let c = self.next().ok_or(ParseErrorKind::UnexpectedEnd)?;
                let code = u8::try_from(c).map_err(|_wide| ParseErrorKind::BadEscape)?;
                char::from(code & 31)
            }
            c => c,
        })
    }

    /// `\xHH` or `\x{H...}`.
    fn hexadecimal(&mut self) -> Result<char, ParseErrorKind> {
        let digits = if self.accept("{") {
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            self.expect("}")?;
            digits
        } else {
            let digits = self.rest().get(..2).ok_or(ParseErrorKind::BadEscape)?;
            self.at = self.at.saturating_add(2);
            digits
        };
        let code = u32::from_str_radix(digits, 16).map_err(|_malformed| ParseErrorKind::BadEscape)?;
        char::from_u32(code).ok_or(ParseErrorKind::BadEscape)
    }

    /// Up to three octal digits, the first of which is `first`.
    fn octal(&mut self, first: char) -> Result<char, ParseErrorKind> {
        let mut code = first.to_digit(8).ok_or(ParseErrorKind::BadEscape)?;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
            self.next();
            code = code.saturating_mul(8).saturating_add(digit);
        }
        char::from_u32(code).ok_or(ParseErrorKind::BadEscape)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.saturating_add(c.len_utf8());
        Some(c)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(end);
        rest.get(..end).unwrap_or("")
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }
}

fn integer(digits: &str, base: u32, negative: bool) -> Result<Term, ParseErrorKind> {
    let digits = without_underscores(digits)?;
    let value = BigInt::parse_bytes(digits.as_bytes(), base).ok_or(ParseErrorKind::BadNumber)?;
    #[expect(clippy::arithmetic_side_effects, reason = "the negative of an integer of any size")]
    let value = if negative { -value } else { value };
    Ok(Term::from(Integer::from(value)))
}

/// Underscores may stand between two digits only.
fn without_underscores(digits: &str) -> Result<String, ParseErrorKind> {
    if digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return Err(ParseErrorKind::BadNumber);
    }
    Ok(digits.chars().filter(|c| *c != '_').collect())
}
