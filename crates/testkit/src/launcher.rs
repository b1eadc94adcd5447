//! Where programs are started: here, or on a host of a network.

use std::process::Command;

/// The words before a program's own name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launcher(Vec<String>);

impl Launcher {
    /// Through another program, which becomes the one it starts.
    #[cfg(target_os = "linux")]
    pub(crate) fn through(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().collect())
    }

    #[expect(clippy::disallowed_methods, reason = "the test kit starts programs")]
    pub(crate) fn command(&self, program: &str) -> Command {
        match self.0.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        }
    }
}
