//! Names of variants as Erlang writes them: `NoSuchName` is `no_such_name`.

use alloc::string::String;

/// The name in snake case. Runs of capitals stay one word: `HTTPError` is `http_error`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len().saturating_add(4));
    let mut chars = name.chars().peekable();
    let mut previous: Option<char> = None;
    while let Some(c) = chars.next() {
        let begins_word = c.is_uppercase()
            && previous.is_some_and(|p| {
                p != '_' && (!p.is_uppercase() || chars.peek().is_some_and(|next| next.is_lowercase()))
            });
        if begins_word {
            out.push('_');
        }
        out.extend(c.to_lowercase());
        previous = Some(c);
    }
    out
}

/// Which of `variants` goes by this name, as written or in snake case.
pub(super) fn find(name: &str, variants: &'static [&'static str]) -> Option<&'static str> {
    let as_written = variants.iter().find(|variant| **variant == name);
    as_written
        .or_else(|| {
            variants.iter().find(|variant| {
                exact(variant) == Some(name) || is_snake_of(name, variant) || is_error(name, variant)
            })
        })
        .copied()
}

/// The atom that stands for a name: the name in snake case. The `Result` of the standard library has `error` for `Err`;
/// `:Name` is `Name` as written, and so is what cannot be a name in Rust, such as `fetch!`.
pub(super) fn atom_of(name: &str) -> String {
    match exact(name) {
        Some(exact) => String::from(exact),
        None if name == "Err" => String::from("error"),
        None => snake(name),
    }
}

/// The name of an atom that is to be written as it is.
fn exact(name: &str) -> Option<&str> {
    let is_plain = name.chars().all(|c| c == '_' || c.is_alphanumeric());
    if is_plain { None } else { Some(name.strip_prefix(':').unwrap_or(name)) }
}

fn is_error(name: &str, variant: &str) -> bool {
    name == "error" && variant == "Err"
}

fn is_snake_of(name: &str, variant: &str) -> bool {
    // Cheap refusals first: the lower-case letters of both must agree.
    let first = |text: &str| text.chars().next().and_then(|c| c.to_lowercase().next());
    first(name) == first(variant) && snake(variant) == name
}
