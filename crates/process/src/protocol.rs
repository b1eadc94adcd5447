//! What a mailbox takes: the messages of a process, and their form when they cross to another node.

use crate::exit::ExitReason;
use crate::processes::Processes;
use crate::signal::{Dest, Down, Encoded, Trapped};
use engset_etf::Body;
use engset_term::{Pid, Reference, Term};
use std::fmt;
use std::sync::Arc;

/// A closed set of messages that a process understands, normally an enum.
///
/// Between processes of one node the value itself moves and nothing is encoded. For messages that cross to another
/// node a protocol says how they look as Erlang terms; `#[server]` writes that, and [`Term`] is a protocol that
/// takes and sends any term. Without the two methods a protocol is local: sending it to another node fails with
/// [`EncodeError::LocalOnly`], and terms from outside arrive as [`Mail::Other`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol: no process can receive it",
    label = "expected a message type",
    note = "for messages that stay on this node write `impl engset::Protocol for {Self} {{}}`; others let `#[server]` make, or send as a `Term`"
)]
pub trait Protocol: Sized + Send + 'static {
    /// How many bytes the message takes in a mailbox that counts them, see [`crate::MailboxLimits::bytes`]. For a
    /// message that owns much memory an own version should add that.
    fn size(&self) -> usize {
        size_of::<Self>()
    }

    /// Sends the message to a process whose mailbox is not of this type, in external term format.
    ///
    /// # Errors
    /// [`EncodeError`] where the message has no Erlang form; nothing was sent then.
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        drop(self);
        let _ = out;
        Err(EncodeError::LocalOnly { protocol: std::any::type_name::<Self>() })
    }

    /// Makes a mailbox entry of a message that arrived in external term format.
    ///
    /// Runs in the receiving process. What it refuses never reaches the process; it is counted and logged.
    ///
    /// # Errors
    /// [`Rejected`] where the bytes are no message of this protocol.
    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let _ = at;
        encoded.term().map(|term| Mail::Other(Box::new(term)))
    }
}

impl Protocol for Term {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        out.send(Body::of(&self));
        Ok(())
    }

    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let _ = at;
        encoded.term().map(Mail::Message)
    }
}

impl Encoded {
    /// The message as a term; its binaries share the message's memory.
    ///
    /// # Errors
    /// [`Rejected::Malformed`] where the bytes are no term.
    pub fn term(&self) -> Result<Term, Rejected> {
        self.payload.term().map_err(|error| Rejected::Malformed(Box::new(error)))
    }
}

/// What waits in a mailbox, in order of arrival.
#[derive(Debug)]
pub enum Mail<M> {
    /// A message of the process's protocol.
    Message(M),
    /// A monitored process ended.
    Down(Box<Down>),
    /// An exit signal, received by a process that traps exits.
    Exit(Box<Trapped>),
    /// A term from outside that is no message of the protocol (an "info" in OTP's behaviours).
    Other(Box<Term>),
}

/// Where [`Protocol::encode`] puts an encoded message.
#[derive(Debug)]
pub struct Outgoing<'a> {
    pub(crate) processes: &'a Arc<Processes>,
    pub(crate) from: Pid,
    pub(crate) to: &'a Dest,
}

impl Outgoing<'_> {
    /// Sends one term, given in external term format without the leading version byte.
    pub fn send(&self, body: impl Into<Body>) {
        self.processes.send_encoded(self.from, self.to, body.into());
    }

    /// The processes of the sending node.
    #[must_use]
    pub fn processes(&self) -> &Arc<Processes> {
        self.processes
    }

    /// The sending process.
    #[must_use]
    pub fn from(&self) -> Pid {
        self.from
    }

    /// Whom the message is for.
    #[must_use]
    pub fn to(&self) -> &Dest {
        self.to
    }
}

/// A message could not be given its Erlang form; nothing was sent. The sender's side is at fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The protocol is local: it has no Erlang form.
    LocalOnly {
        /// The message type.
        protocol: &'static str,
    },
    /// A value in the message has no Erlang form, such as a float that is not finite.
    Value(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalOnly { protocol } => {
                write!(
                    f,
                    "messages of `{protocol}` cannot leave the node: let `#[server]` make the protocol, or implement `Protocol::encode`"
                )
            }
            Self::Value(error) => write!(f, "the message has no Erlang form: {error}"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Bytes from outside were refused by the receiving process, which goes on. The sender's side is at fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejected {
    /// The bytes are no term.
    Malformed(Box<engset_etf::DecodeError>),
    /// A term, but not one that the protocol knows.
    NotUnderstood(Box<dyn std::error::Error + Send + Sync>),
    /// The protocol's own code panicked while it read the term; the reason says where.
    Panicked(ExitReason),
    /// A call that the protocol does not know. Where the caller monitors this process, as every `gen_server:call`
    /// does, its monitor fires with `reason`, so that the call fails at once and this process lives.
    Call {
        /// Who called.
        caller: Pid,
        /// The caller's monitor.
        reference: Reference,
        /// What the caller is told.
        reason: ExitReason,
    },
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed term from outside: {error}"),
            Self::NotUnderstood(error) => write!(f, "message not understood: {error}"),
            Self::Panicked(reason) => write!(f, "reading a message panicked: {reason}"),
            Self::Call { caller, reason, .. } => write!(f, "call of {caller} not understood: {reason}"),
        }
    }
}

impl std::error::Error for Rejected {}

/// A message was refused on this node before it was sent; it comes back.
#[non_exhaustive]
pub enum SendError<M> {
    /// No such process or name on this node.
    NoProcess(M),
    /// The receiver's mailbox is full, see [`crate::MailboxLimits`].
    Overloaded(M),
    /// The connection to the receiver's node has too much queued, see [`crate::Cx::try_send`].
    Busy(M),
    /// The message has no Erlang form, and the receiver needs one.
    Encode(EncodeError),
    /// The sender is not a process: messages are sent from inside a node, see `Node::block_on`.
    OutsideNode(M),
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess(_) => f.write_str("no such process on this node"),
            Self::Overloaded(_) => {
                f.write_str("the receiver's mailbox is full: send less, later, or with `Cx::send_when_ready`")
            }
            Self::Busy(_) => f.write_str(
                "the connection to the receiver's node has too much queued, since that node reads too slowly: send less, or later",
            ),
            Self::Encode(error) => fmt::Display::fmt(error, f),
            Self::OutsideNode(_) => f.write_str(
                "sent from outside a node: run the code in a process, for instance with `Node::block_on`",
            ),
        }
    }
}

impl<M> std::error::Error for SendError<M> {}
