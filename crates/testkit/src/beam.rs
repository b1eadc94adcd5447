//! A running Erlang or Elixir node, and the evaluation of expressions on it.
//!
//! The node runs a loop that reads one line of hex digits from standard input, evaluates the text,
//! and writes one marked line with the result to standard output.

use crate::builder::BeamBuilder;
use crate::channel::{Answer, Channel, NoAnswer};
use crate::epmd::EpmdProcess;
use crate::error::BeamError;
use std::fmt::Write as _;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A running node; it is killed when this value is dropped.
///
/// A heart beside it (`-heart`) has no command to start the node again, so it ends with the node.
/// Evaluations block the calling thread; asynchronous code calls them on a thread for blocking work.
#[derive(Debug)]
pub struct Beam {
    channel: Mutex<Channel>,
    language: Language,
    node_name: String,
    pid: u32,
    time_limit: Duration,
    /// Set when the node has a name server of its own, which must outlive it.
    epmd: Option<EpmdProcess>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Language {
    Erlang,
    Elixir,
}

impl Language {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Erlang => "erl",
            Self::Elixir => "elixir",
        }
    }
}

impl Beam {
    /// A node that evaluates Erlang; [`Elixir::builder`](crate::Elixir::builder) is for the other language.
    #[must_use]
    pub fn builder() -> BeamBuilder {
        BeamBuilder::new(Language::Erlang)
    }

    pub(crate) fn start(
        program: &'static str,
        command: &mut Command,
        mark: &str,
        language: Language,
        time_limit: Duration,
        epmd: Option<EpmdProcess>,
    ) -> Result<Self, BeamError> {
        let mut channel =
            Channel::start(command, mark).map_err(|source| BeamError::NotStarted { program, source })?;
        let ready = "its start";
        let node_name = match channel.answer(time_limit) {
            Ok(Answer::Ok(name)) => name,
            Ok(Answer::Raised(reason)) => {
                return Err(BeamError::Raised { expression: ready.to_owned(), reason });
            }
            Err(problem) => return Err(give_up(&mut channel, problem, ready, time_limit)),
        };
        let pid = channel.pid();
        Ok(Self { channel: Mutex::new(channel), language, node_name, pid, time_limit, epmd })
    }

    /// The node's full name, for example `a@127.0.0.1`.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.node_name
    }

    /// The operating system's number of the program.
    #[must_use]
    pub fn os_pid(&self) -> u32 {
        self.pid
    }

    /// The TCP port of the node's own EPMD, if it was started without one.
    #[must_use]
    pub fn own_epmd_port(&self) -> Option<u16> {
        self.epmd.as_ref().map(EpmdProcess::port)
    }

    /// Evaluates expressions and returns the last one's value as one line of text.
    ///
    /// Erlang values are written with `~0p`, Elixir values with an unlimited `inspect`.
    /// Variables keep their values from one evaluation to the next, and all evaluations of a node
    /// run in one process, so that messages to `self()` wait for the next one.
    /// The final full stop of Erlang may be left out.
    ///
    /// # Errors
    /// [`BeamError::Raised`] when the expression fails. [`BeamError::TimedOut`] after the node's time limit,
    /// [`BeamError::Died`] when the node ended; it is gone then.
    pub fn eval(&self, expression: &str) -> Result<String, BeamError> {
        self.eval_within(expression, self.time_limit)
    }

    /// Like [`eval`](Self::eval) with a time limit of its own.
    ///
    /// # Errors
    /// As with [`eval`](Self::eval).
    pub fn eval_within(&self, expression: &str, limit: Duration) -> Result<String, BeamError> {
        let question = hex(&complete(expression, self.language));
        let mut channel = self.channel();
        match channel.ask(&question, limit) {
            Ok(Answer::Ok(value)) => Ok(value),
            Ok(Answer::Raised(reason)) => {
                Err(BeamError::Raised { expression: expression.to_owned(), reason })
            }
            Err(problem) => Err(give_up(&mut channel, problem, expression, limit)),
        }
    }

    /// What the node has written so far apart from answers; the oldest part goes first.
    #[must_use]
    pub fn output(&self) -> String {
        self.channel().output()
    }

    /// Ends the node with SIGKILL, as a power cut would, and says how it ended; it may have ended before.
    pub fn kill(&self) -> Option<ExitStatus> {
        self.channel().kill()
    }

    /// Stops the program where it is (SIGSTOP): its connections stay open and say nothing.
    ///
    /// # Errors
    /// The program `kill` could not be run.
    pub fn suspend(&self) -> std::io::Result<()> {
        self.signal("-STOP")
    }

    /// Lets a suspended program go on (SIGCONT).
    ///
    /// # Errors
    /// The program `kill` could not be run.
    pub fn resume(&self) -> std::io::Result<()> {
        self.signal("-CONT")
    }

    #[expect(clippy::disallowed_methods, reason = "signals are sent with the program that exists for it")]
    fn signal(&self, signal: &str) -> std::io::Result<()> {
        Command::new("kill").arg(signal).arg(self.pid.to_string()).status().map(drop)
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_up(channel: &mut Channel, problem: NoAnswer, waiting_for: &str, limit: Duration) -> BeamError {
    let status = channel.kill();
    let output = channel.output();
    match problem {
        NoAnswer::Closed => BeamError::Died { status, output },
        NoAnswer::TimedOut => BeamError::TimedOut { limit, waiting_for: waiting_for.to_owned(), output },
    }
}

/// The expression with the full stop that Erlang's grammar asks for.
fn complete(expression: &str, language: Language) -> String {
    let expression = expression.trim();
    match language {
        Language::Erlang if !expression.ends_with('.') => format!("{expression}."),
        Language::Erlang | Language::Elixir => expression.to_owned(),
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut hex, byte| {
        // Writing to a `String` cannot fail.
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

#[cfg(test)]
mod tests;
