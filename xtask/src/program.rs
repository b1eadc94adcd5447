//! Runs other programs: plainly, for their output, or line by line under a time limit.

use crate::clock;
use crate::error::TaskError;
use crate::root::root;
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program is looked at when it writes nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A program to be run in the repository's root.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    command: Command,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    Well,
    Badly(ExitStatus),
    /// It was killed at its limit.
    TimedOut,
}

impl Program {
    #[expect(clippy::disallowed_methods, reason = "tasks run cargo and other tools, here only")]
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.current_dir(root());
        Self { name: program.as_ref().to_string_lossy().into_owned(), command }
    }

    /// The cargo that runs this task.
    pub(crate) fn cargo() -> Self {
        Self::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self
    }

    /// Runs it with this program's own input and output.
    pub(crate) fn run(mut self) -> Result<(), TaskError> {
        let status = self.command.status();
        let status = status.map_err(|source| TaskError::NotRun { program: self.name.clone(), source })?;
        if status.success() { Ok(()) } else { Err(TaskError::Failed { program: self.name, status }) }
    }

    /// Runs it and returns what it wrote to standard output.
    pub(crate) fn output(mut self) -> Result<String, TaskError> {
        let output = self.command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|source| TaskError::NotRun { program: self.name.clone(), source })?;
        if !output.status.success() {
            return Err(TaskError::Failed { program: self.name, status: output.status });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it can be run and ends well; its output is thrown away.
    pub(crate) fn succeeds(mut self) -> bool {
        let status = self.command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Runs it without input and passes on each line of its standard output.
    ///
    /// It is killed when `limit` has passed. Programs that it leaves behind may hold its output open;
    /// they are not waited for.
    pub(crate) fn stream(
        mut self,
        limit: Option<Duration>,
        mut each: impl FnMut(&str),
    ) -> Result<Ended, TaskError> {
        let not_run = |source| TaskError::NotRun { program: self.name.clone(), source };
        let child = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(not_run)?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            let reader = thread::Builder::new().name("xtask pipe".to_owned());
            reader.spawn(move || send_lines(stdout, &sender)).map_err(not_run)?;
        }
        let ended = wait(&mut child, &lines, limit.map(|limit| clock::now() + limit), &mut each);
        ended.map_err(not_run)
    }
}

/// Where the program is on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn wait(
    child: &mut Child,
    lines: &Receiver<String>,
    deadline: Option<Instant>,
    each: &mut impl FnMut(&str),
) -> std::io::Result<Ended> {
    loop {
        let status = match lines.recv_timeout(LOOK_EVERY) {
            Ok(line) => {
                each(&line);
                None
            }
            Err(RecvTimeoutError::Timeout) => child.try_wait()?,
            Err(RecvTimeoutError::Disconnected) => Some(child.wait()?),
        };
        if let Some(status) = status {
            lines.try_iter().for_each(|line| each(&line));
            return Ok(if status.success() { Ended::Well } else { Ended::Badly(status) });
        }
        if deadline.is_some_and(|deadline| clock::now() >= deadline) {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
    }
}

fn send_lines(pipe: impl Read, lines: &Sender<String>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        if lines.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests;
