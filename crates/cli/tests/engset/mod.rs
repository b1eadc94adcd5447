//! Runs the built command, with an EPMD port of its own and without the settings of whoever runs the tests.
#![allow(dead_code, reason = "no test program uses all of it")]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// How often a process that ends is looked at.
const LOOKS_MAX: u32 = 100_000;

/// A command line to be run.
pub(crate) struct Engset(Command);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit code, unless a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command that runs until it is told to end.
pub(crate) struct Running {
    child: Child,
    /// Until it is closed.
    stdout: Option<BufReader<ChildStdout>>,
    stderr: ChildStderr,
}

impl Engset {
    #[expect(clippy::disallowed_methods, reason = "the command is under test")]
    pub(crate) fn new(epmd_port: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engset"));
        command.env("ERL_EPMD_PORT", epmd_port.to_string());
        command.env_remove("ENGSET_COOKIE").env_remove("HOME");
        Self(command)
    }

    /// On a host of a network, with EPMD at its usual port.
    #[cfg(target_os = "linux")]
    pub(crate) fn on(host: &engset_testkit::Host) -> Self {
        let mut command = host.command(env!("CARGO_BIN_EXE_engset"));
        command.env_remove("ERL_EPMD_PORT").env_remove("ENGSET_COOKIE").env_remove("HOME");
        Self(command)
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(key, value);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Done {
        let output = self.0.stdin(Stdio::null()).output().expect("the command was built");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command writes UTF-8");
        Done { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        self.0.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.0.spawn().expect("the command was built");
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = child.stderr.take().expect("it was piped");
        Running { child, stdout, stderr }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that contains `text`.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let stdout = self.stdout.as_mut().expect("standard output is open");
        let mut read = String::new();
        loop {
            let start = read.len();
            if stdout.read_line(&mut read).expect("lines are UTF-8") == 0 {
                let mut errors = String::new();
                self.stderr.read_to_string(&mut errors).ok();
                panic!("ended without {text:?}: {read}{errors}");
            }
            if read[start..].contains(text) {
                return read[start..].trim_end().to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for its end; the exit code, unless a signal ended it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it is our child").code()
    }

    /// Closes the reading end of its standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Waits until nobody can write to its standard error any more.
    pub(crate) fn wait_for_end_of_errors(&mut self) {
        self.stderr.read_to_end(&mut Vec::new()).expect("a pipe can be read");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a signal with the program that exists for it.
#[expect(clippy::disallowed_methods, reason = "signals are sent with the program that exists for it")]
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(name).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill {name} {pid}");
}

/// The processes that `parent` started and that have not ended.
pub(crate) fn child_processes(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc is there").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| state_and_parent(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// Whether the process has ended, or does so while it is looked at: its files close a moment before its end.
pub(crate) fn has_ended(pid: u32) -> bool {
    let ended = |_| state_and_parent(pid).is_none_or(|(state, _)| state == "Z" || state == "X");
    (0..LOOKS_MAX).any(ended)
}

fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name before it is in parentheses and may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
