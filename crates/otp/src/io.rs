//! Writing to a group leader (OTP's `io`): what a process writes appears where whoever started it looks, on any node.
//!
//! A process inherits its group leader from the one that starts it; one that a peer starts has the peer's, so that its
//! output appears in the peer's shell. Without a group leader it is the node's own `user`.
//!
//! Messages: each request is sent by a helper process of its own, which monitors the group leader and waits for
//! `{io_reply, ReplyAs, Reply}`: no answer ever reaches the mailbox of who writes.
//!
//! ```
//! use engset_otp::io;
//!
//! # async fn example() -> Result<(), io::IoError> {
//! io::put_chars("three orders are late\n").await?;
//! # Ok(())
//! # }
//! ```

use crate::call::CALL_TIMEOUT;
use crate::task::Task;
use engset_process::{Cx, Dest, ExitReason, Mail, current};
use engset_term::{Atom, Pid, Term};
use std::fmt;
use std::time::Duration;

const USER: Atom = Atom::from_static("user");

/// Why something was not written, or not read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoError {
    /// The group leader refused, such as for input that it has none of.
    Refused(Term),
    /// There is no input any more.
    Eof,
    /// The group leader ended, or its node is lost; what was written may have appeared.
    Down(ExitReason),
    /// The group leader did not answer within [`CALL_TIMEOUT`]; what was written may still appear.
    Timeout,
    /// There is nobody to write to: no group leader, and the node has no `user`.
    NoGroupLeader,
    /// The caller is not a process, or no helper could be started; nothing was sent.
    NotSent,
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the group leader refused: {why}"),
            Self::Eof => f.write_str("the group leader has no more input"),
            Self::Down(reason) => write!(f, "the group leader ended before it answered: {reason}"),
            Self::Timeout => f.write_str("the group leader did not answer in time"),
            Self::NoGroupLeader => f.write_str("the process has no group leader, and the node no `user`"),
            Self::NotSent => {
                f.write_str("nothing was written: the code must run in a process of a node with room")
            }
        }
    }
}

impl std::error::Error for IoError {}

/// Writes text to the group leader of the running process and waits until it has it.
///
/// Cancel-safe in that the text is written once, or not at all.
///
/// # Errors
/// [`IoError`].
pub async fn put_chars(text: impl Into<String>) -> Result<(), IoError> {
    put_chars_to(leader()?, text).await
}

/// Writes text to this group leader, such as the pid of a shell's, and waits until it has it.
///
/// # Errors
/// [`IoError`].
pub async fn put_chars_to(leader: Pid, text: impl Into<String>) -> Result<(), IoError> {
    let chars = Term::string(&text.into());
    let request = Term::tuple([Term::atom("put_chars"), Term::atom("unicode"), chars]);
    match self::request(leader, request, true).await? {
        reply if reply.is_atom("ok") => Ok(()),
        reply => Err(IoError::Refused(reply)),
    }
}

/// Reads a line from the group leader of the running process, with its line end. Waits for as long as it takes.
///
/// # Errors
/// [`IoError::Eof`] where there is no input.
pub async fn get_line(prompt: &str) -> Result<String, IoError> {
    let request = Term::tuple([Term::atom("get_line"), Term::atom("unicode"), Term::string(prompt)]);
    let reply = self::request(leader()?, request, false).await?;
    if reply.is_atom("eof") {
        return Err(IoError::Eof);
    }
    reply.to_text().ok_or(IoError::Refused(reply))
}

/// Who does input and output for the running process.
fn leader() -> Result<Pid, IoError> {
    let (processes, me) = current().ok_or(IoError::NotSent)?;
    processes.group_leader(me).or_else(|| processes.whereis(&USER)).ok_or(IoError::NoGroupLeader)
}

/// Sends any request of the io protocol to a group leader and waits for its reply; for [`CALL_TIMEOUT`] at most, where
/// `in_time`.
///
/// # Errors
/// [`IoError`].
pub async fn request(leader: Pid, request: Term, in_time: bool) -> Result<Term, IoError> {
    let patience = if in_time { CALL_TIMEOUT } else { Duration::MAX };
    let body =
        move |cx: Cx<Term>| async move { Ok(ask(cx, leader, request, in_time.then_some(patience)).await) };
    let task = Task::spawn_nolink_with(body).map_err(|_full| IoError::NotSent)?;
    task.await_within(patience).await.unwrap_or(Err(IoError::Timeout))
}

async fn ask(
    mut cx: Cx<Term>,
    leader: Pid,
    request: Term,
    patience: Option<Duration>,
) -> Result<Term, IoError> {
    let reference = cx.monitor(leader);
    let me = Term::Pid(cx.pid());
    let message = [Term::atom("io_request"), me, Term::from(reference), request];
    if cx.send(Dest::Pid(leader), Term::tuple(message)).is_err() {
        return Err(IoError::Down(ExitReason::NoProc));
    }
    let clock = cx.processes().scheduler().clone();
    let due = patience.map(|patience| clock.now().saturating_add(patience));
    loop {
        let mail = match due {
            // Of all messages together: a group leader that sends others would keep this process for ever.
            Some(due) if due <= clock.now() => return Err(IoError::Timeout),
            Some(due) => {
                let left = due.saturating_duration_since(clock.now());
                cx.recv_timeout(left).await.ok_or(IoError::Timeout)?
            }
            None => cx.recv().await,
        };
        match mail {
            Mail::Message(message) => {
                if let Some([tag, reply_as, reply]) = message.as_tuple()
                    && tag.is_atom("io_reply")
                    && *reply_as == Term::from(reference)
                {
                    return match reply.as_tuple() {
                        Some([tag, why]) if tag.is_atom("error") => Err(IoError::Refused(why.clone())),
                        _ => Ok(reply.clone()),
                    };
                }
            }
            Mail::Down(down) => return Err(IoError::Down(down.reason)),
            Mail::Exit(_) | Mail::Other(_) => {}
        }
    }
}
