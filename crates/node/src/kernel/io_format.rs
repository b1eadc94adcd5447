//! Pure: `io_lib:format/2`, as far as messages and reports use it. Peers send a format and its arguments, not the text.

use engset_term::{Integer, Term};
use std::iter::Peekable;
use std::str::Chars;

/// A field may be so many characters wide at most.
const WIDTH_MAX: usize = 4_096;

/// One control sequence, after the `~`.
#[derive(Debug, Default, Clone, Copy)]
struct Control {
    width: Option<usize>,
    left: bool,
    precision: Option<usize>,
    pad: Option<char>,
}

/// The text of `format` with `args`, no longer than `bytes_max`; `None` where the two do not fit, or it would be longer.
pub(super) fn format(format: &Term, args: &Term, bytes_max: usize) -> Option<String> {
    let format = text(format)?;
    let mut args = args.as_proper_list()?.iter();
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(char) = chars.next() {
        if out.len() > bytes_max {
            return None;
        }
        if char != '~' {
            out.push(char);
            continue;
        }
        let control = control(&mut chars, &mut args)?;
        while chars.next_if(|char| matches!(char, 't' | 'l' | 'k' | 'K')).is_some() {}
        write_one(&mut out, chars.next()?, control, &mut args, bytes_max)?;
    }
    (args.next().is_none() && out.len() <= bytes_max).then_some(out)
}

/// Text in any form: a list of characters, binaries and such lists, or an atom.
pub(super) fn text(term: &Term) -> Option<String> {
    if let Term::Atom(atom) = term {
        return Some(atom.as_str().to_owned());
    }
    let mut out = String::new();
    let mut rest = vec![term];
    while let Some(term) = rest.pop() {
        match term {
            Term::Int(char) => out.push(char::from_u32(u32::try_from(*char).ok()?)?),
            Term::Nil => {}
            Term::Binary(bytes) => match bytes.as_text() {
                Some(text) => out.push_str(text),
                None => out.extend(bytes.as_slice().iter().copied().map(char::from)),
            },
            Term::List(list) => {
                if !list.tail().is_nil() {
                    rest.push(list.tail());
                }
                rest.extend(list.elements().iter().rev());
            }
            _ => return None,
        }
    }
    Some(out)
}

fn control<'a>(
    chars: &mut Peekable<Chars<'_>>,
    args: &mut impl Iterator<Item = &'a Term>,
) -> Option<Control> {
    let mut control = Control { left: chars.next_if_eq(&'-').is_some(), ..Control::default() };
    control.width = number(chars, args)?;
    if chars.next_if_eq(&'.').is_some() {
        control.precision = number(chars, args)?;
        if chars.next_if_eq(&'.').is_some() {
            control.pad = Some(match chars.next()? {
                '*' => char::from_u32(u32::try_from(args.next()?.as_int()?).ok()?)?,
                pad => pad,
            });
        }
    }
    Some(control)
}

/// A number of the format or, for `*`, of the arguments; `Some(None)` where there is none, `None` for a bad one.
fn number<'a>(
    chars: &mut Peekable<Chars<'_>>,
    args: &mut impl Iterator<Item = &'a Term>,
) -> Option<Option<usize>> {
    if chars.next_if_eq(&'*').is_some() {
        let number = usize::try_from(args.next()?.as_int()?).ok()?;
        return (number <= WIDTH_MAX).then_some(Some(number));
    }
    let mut number: Option<usize> = None;
    while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
        chars.next();
        number = Some(number.unwrap_or(0) * 10 + digit as usize);
        if number > Some(WIDTH_MAX) {
            return None;
        }
    }
    Some(number)
}

fn write_one<'a>(
    out: &mut String,
    letter: char,
    control: Control,
    args: &mut impl Iterator<Item = &'a Term>,
    bytes_max: usize,
) -> Option<()> {
    let mut next = || args.next();
    let field = match letter {
        '~' => "~".to_owned(),
        'n' => "\n".repeat(control.width.unwrap_or(1)),
        'i' => {
            next()?;
            return Some(());
        }
        'c' => {
            let char = char::from_u32(u32::try_from(next()?.as_int()?).ok()?)?;
            char.to_string().repeat(control.precision.or(control.width).unwrap_or(1))
        }
        's' => {
            let text = text(next()?)?;
            match control.precision {
                Some(precision) => text.chars().take(precision).collect(),
                None => text,
            }
        }
        'p' | 'w' => next()?.display_max(bytes_max).to_string(),
        'P' | 'W' => {
            let term = next()?.display_max(bytes_max).to_string();
            next()?.as_int()?;
            term
        }
        'b' | 'B' | '+' | '#' | 'x' | 'X' => integer(letter, next()?, control.precision.unwrap_or(10))?,
        'e' | 'f' | 'g' => float(letter, next()?, control.precision)?,
        _ => return None,
    };
    if letter == 'n' || letter == '~' {
        out.push_str(&field);
        return Some(());
    }
    pad(out, &field, control);
    Some(())
}

fn pad(out: &mut String, field: &str, control: Control) {
    let width = control.width.unwrap_or(0);
    let pad = control.pad.unwrap_or(' ');
    let missing = width.saturating_sub(field.chars().count());
    let padding = std::iter::repeat_n(pad, missing);
    if control.left {
        out.push_str(field);
        out.extend(padding);
    } else {
        out.extend(padding);
        out.push_str(field);
    }
}

fn integer(letter: char, term: &Term, base: usize) -> Option<String> {
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    let value: Integer = term.as_integer()?;
    let digits = value.to_bigint().to_str_radix(base);
    Some(match letter {
        'B' | 'X' => digits.to_uppercase(),
        '#' => format!("{base}#{}", digits.to_uppercase()),
        '+' => format!("{base}#{digits}"),
        _ => digits,
    })
}

fn float(letter: char, term: &Term, precision: Option<usize>) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "as `io_lib` does")]
    let value = term.as_float().or_else(|| term.as_int().map(|int| int as f64))?;
    let precision = precision.unwrap_or(6);
    Some(match letter {
        'e' => format!("{value:.*e}", precision.saturating_sub(1)),
        'f' => format!("{value:.precision$}"),
        _ => format!("{value}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(format_: &str, args: &str) -> Option<String> {
        let args = Term::parse(&format!("{args}.")).expect("a term");
        format(&Term::charlist(format_), &args, 1_000)
    }

    #[test]
    fn as_io_lib_does() {
        let cases = [
            ("plain~n", "[]", "plain\n"),
            ("~~ ~s ~ts", "[\"abc\",<<\"d\">>]", "~ abc d"),
            ("~p ~w", "[{a,1},[b]]", "{a,1} [b]"),
            ("~0p|~P|~W", "[x,y,9,z,9]", "x|y|z"),
            ("~5s|~-5s|~5.2s", "[ab,ab,abcd]", "   ab|ab   |   ab"),
            ("~4..0b ~.16B ~.16#", "[7,255,255]", "0007 FF 16#FF"),
            ("~c~3c", "[120,121]", "xyyy"),
            ("~.2f ~i~s", "[1.005,ignored,s]", "1.00 s"),
            ("~*s", "[4,a]", "   a"),
            ("~s", "[[\"a\",[<<\"b\">>|99],100]]", "abcd"),
        ];
        for (format, args, text) in cases {
            let found = of(format, args);
            assert_eq!(found.as_deref().unwrap_or("nothing"), text, "{format}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (format, args) in [
            ("~s", "[]"),
            ("", "[x]"),
            ("~y", "[1]"),
            ("~s", "[{a}]"),
            ("~b", "[a]"),
            ("~", "[]"),
            ("~s", "x"),
            ("~9999s", "[a]"),
        ] {
            assert_eq!(of(format, args), None, "{format}");
        }
        let long = "x".repeat(1_000);
        assert!(of(&long, "[]").is_some() && of(&format!("{long}x"), "[]").is_none());
    }
}
