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
    let exact = variants.iter().find(|variant| **variant == name);
    exact
        .or_else(|| variants.iter().find(|variant| is_snake_of(name, variant) || is_error(name, variant)))
        .copied()
}

/// The `Result` of the standard library: `Err` is `error`.
pub(super) fn atom_of(variant: &str) -> String {
    if variant == "Err" { String::from("error") } else { snake(variant) }
}

fn is_error(name: &str, variant: &str) -> bool {
    name == "error" && variant == "Err"
}

fn is_snake_of(name: &str, variant: &str) -> bool {
    // Cheap refusals first: the lower-case letters of both must agree.
    let first = |text: &str| text.chars().next().and_then(|c| c.to_lowercase().next());
    first(name) == first(variant) && snake(variant) == name
}
