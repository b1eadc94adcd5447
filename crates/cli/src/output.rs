//! The one place that writes to the terminal: results to standard output, errors to standard error.

use crate::failure::{Failure, Stop};
use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes one line of results, at once.
///
/// # Errors
/// [`Stop::OutputClosed`] when nobody reads standard output any more.
pub(crate) fn line(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::OutputClosed),
        Err(error) => Err(Failure::machine("the output cannot be written", &error).into()),
    }
}

/// Writes an error.
pub(crate) fn failure(failure: &Failure) {
    let colours = Colours::of(&io::stderr());
    let mut text = format!("{} {}\n", colours.error("error:"), failure.summary);
    for (label, fact) in &failure.facts {
        text.push_str(&format!("  {:<6} {fact}\n", label));
    }
    // Where standard error cannot be written there is nowhere left to say so.
    io::stderr().lock().write_all(text.as_bytes()).ok();
}

/// The colours of one output stream: none unless it is a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colours {
    on: bool,
}

impl Colours {
    /// Of standard output.
    pub(crate) fn of_results() -> Self {
        Self::of(&io::stdout())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: stream.is_terminal() && !refused }
    }

    /// What is wrong.
    pub(crate) fn error(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    /// What is well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What is to be typed.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::Colours;

    #[test]
    fn colours_are_used_when_on_only() {
        assert_eq!(Colours { on: false }.error("x"), "x");
        assert_eq!(Colours { on: true }.error("x"), "\u{1b}[31;1mx\u{1b}[0m");
        assert_eq!(Colours { on: true }.good("x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(Colours { on: true }.strong("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
