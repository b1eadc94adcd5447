//! The one place that prints.

#[expect(clippy::print_stdout, reason = "the table is for the person who runs it")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "progress and errors are for the person who runs it")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
