//! The one place that prints.

#[expect(clippy::print_stdout, reason = "a task talks to the person who runs it")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a task talks to the person who runs it")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
