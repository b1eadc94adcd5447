//! A program with a line-based question-and-answer channel on its standard input and output.
//!
//! One thread per pipe reads; marked lines of standard output are answers, all else is kept as output.
//! Two answers never overlap, since the owner asks the next question after the last answer only.

use crate::output_log::OutputLog;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long the last output of a killed program is waited for: its own children may hold the pipes open.
const LAST_OUTPUT_LIMIT: Duration = Duration::from_secs(1);

/// What the program made of a question.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Ok(String),
    Raised(String),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoAnswer {
    Closed,
    TimedOut,
}

#[derive(Debug)]
pub(crate) struct Channel {
    child: Child,
    /// `None` once the program is gone.
    stdin: Option<ChildStdin>,
    answers: Receiver<Answer>,
    output: OutputLog,
    /// Closes when both pipes have been read to their ends.
    pipes_read: Receiver<()>,
}

impl Channel {
    /// Starts `command`; lines that contain `mark` are its answers.
    pub(crate) fn start(command: &mut Command, mark: &str) -> io::Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let output = OutputLog::default();
        let (sender, answers) = channel();
        let (reading, pipes_read) = channel();
        if let Some(stdout) = child.stdout.take() {
            let (mark, output) = (format!("{mark} "), output.clone());
            let reading = reading.clone();
            read_in_background(reading, move || read_answers(stdout, &mark, &sender, &output))?;
        }
        if let Some(stderr) = child.stderr.take() {
            let output = output.clone();
            read_in_background(reading, move || read_lines(stderr, |line| output.push(line)))?;
        }
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, answers, output, pipes_read })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// Sends one line and waits for the answer to it.
    pub(crate) fn ask(&mut self, line: &str, limit: Duration) -> Result<Answer, NoAnswer> {
        let Some(stdin) = &mut self.stdin else { return Err(NoAnswer::Closed) };
        let sent = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
        if sent.is_err() {
            return Err(NoAnswer::Closed);
        }
        self.answer(limit)
    }

    /// Waits for the next answer.
    pub(crate) fn answer(&self, limit: Duration) -> Result<Answer, NoAnswer> {
        self.answers.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => NoAnswer::TimedOut,
            RecvTimeoutError::Disconnected => NoAnswer::Closed,
        })
    }

    /// Ends the program with SIGKILL and says how it ended; it may have ended before.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        self.stdin = None;
        // An error means that it has ended already, which is what is wanted.
        self.child.kill().ok();
        let status = self.child.wait().ok();
        // Nothing is ever sent: this waits for the readers, so that the output is complete.
        self.pipes_read.recv_timeout(LAST_OUTPUT_LIMIT).ok();
        status
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `reading` is dropped when the pipe has been read.
fn read_in_background(reading: Sender<()>, read: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let pipe_reader = thread::Builder::new().name("testkit pipe".to_owned());
    let read_and_tell = move || {
        read();
        drop(reading);
    };
    pipe_reader.spawn(read_and_tell).map(drop)
}

fn read_answers(stdout: impl Read, mark: &str, answers: &Sender<Answer>, output: &OutputLog) {
    read_lines(stdout, |line| {
        let delivered = parse_answer(line, mark).map(|answer| answers.send(answer));
        match delivered {
            Some(Ok(())) => {}
            // Not an answer, or nobody waits for answers any more.
            Some(Err(_)) | None => output.push(line),
        }
    });
}

/// Calls `each` with every line, its end included, until the pipe closes.
pub(crate) fn read_lines(pipe: impl Read, mut each: impl FnMut(&[u8])) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        each(&line);
        line.clear();
    }
}

fn parse_answer(line: &[u8], mark: &str) -> Option<Answer> {
    let line = str::from_utf8(line).ok()?.trim_end_matches('\n');
    let (kind, text) = line.strip_prefix(mark)?.split_once(' ')?;
    match kind {
        "ok" => Some(Answer::Ok(text.to_owned())),
        "raised" => Some(Answer::Raised(text.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
