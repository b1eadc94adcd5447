//! The client side of EPMD: register a name, look one up, list them all.
//!
//! Each question is a value: write [`Register::request`], feed what arrives to `handle_bytes`, and tell
//! `handle_eof` when the other side has closed. Time limits are the owner's.

use super::messages::{
    EXTRA_BYTES_MAX, NAME_BYTES_MAX, NodeEntry, PortAnswer, PortFault, Registration, Request, RequestError,
    UnexpectedTag, parse_alive, parse_names_line, parse_port,
};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The longest answer to a look-up, in bytes.
pub const LOOKUP_ANSWER_BYTES_MAX: usize = 14 + NAME_BYTES_MAX + EXTRA_BYTES_MAX;
/// The longest answer to NAMES that is read, in bytes.
pub const NAMES_ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Why a question to EPMD has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpmdError {
    /// Our request is out of limits: the name or the extra data must be changed.
    Request(RequestError),
    /// Another node of this name is registered on this machine; choose another name.
    NameTaken,
    /// EPMD refused with a result it does not explain.
    Refused {
        /// The result byte.
        result: u8,
    },
    /// EPMD closed before its answer was complete; on a registration it may not accept us (not from this machine).
    Closed {
        /// How many bytes of an answer had arrived.
        received: usize,
    },
    /// The answer begins with a byte that no answer to this request has: something else listens there.
    UnexpectedTag(u8),
    /// The answer has fields out of limits: something else listens there, or it lies.
    Malformed(RequestError),
    /// The answer is about another node than the one asked for.
    WrongName,
    /// The answer is longer than any such answer.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The text of a NAMES answer has a line that is no entry.
    BadText,
    /// Bytes arrived on a connection after its registration was answered; EPMD never does that.
    AfterAnswer,
}

impl fmt::Display for EpmdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => write!(f, "the request to epmd is out of limits: {error}"),
            Self::NameTaken => f.write_str("a node of this name is already registered on this machine"),
            Self::Refused { result } => write!(f, "epmd refused with result {result}"),
            Self::Closed { received } => {
                write!(f, "epmd closed the connection after {received} bytes of its answer")
            }
            Self::UnexpectedTag(tag) => write!(f, "the answer begins with {tag}: this is no epmd"),
            Self::Malformed(error) => write!(f, "the answer of epmd is malformed: {error}"),
            Self::WrongName => f.write_str("epmd answered about another node than the one asked for"),
            Self::TooLong { limit } => write!(f, "the answer of epmd has more than {limit} bytes"),
            Self::BadText => f.write_str("the list of names has a line that is no entry"),
            Self::AfterAnswer => f.write_str("bytes arrived after the registration was answered"),
        }
    }
}

impl core::error::Error for EpmdError {}

/// Registers a node. The registration lasts as long as the connection; write nothing more on it.
#[derive(Debug)]
pub struct Register {
    registration: Registration,
    received: Vec<u8>,
    answered: bool,
}

impl Register {
    /// Prepares the registration of a node.
    #[must_use]
    pub fn new(registration: Registration) -> Self {
        Self { registration, received: Vec::new(), answered: false }
    }

    /// The bytes to write on a fresh connection.
    ///
    /// # Errors
    /// [`EpmdError::Request`] when the name or the extra data is out of limits.
    pub fn request(&self) -> Result<Vec<u8>, EpmdError> {
        Request::Register(self.registration.clone()).encode().map_err(EpmdError::Request)
    }

    /// Takes what arrived; gives the creation of this incarnation of the node once it is known.
    ///
    /// # Errors
    /// When the name is taken or the answer is none; the connection is of no more use.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Option<u32>, EpmdError> {
        const ANSWER_BYTES_MAX: usize = 6;
        if self.answered {
            return Err(EpmdError::AfterAnswer);
        }
        append(&mut self.received, bytes, ANSWER_BYTES_MAX)?;
        match parse_alive(&self.received) {
            Err(UnexpectedTag(tag)) => Err(EpmdError::UnexpectedTag(tag)),
            Ok(None) => Ok(None),
            Ok(Some((0, creation))) => {
                self.answered = true;
                Ok(Some(creation))
            }
            Ok(Some((1, _))) => Err(EpmdError::NameTaken),
            Ok(Some((result, _))) => Err(EpmdError::Refused { result }),
        }
    }

    /// The other side closed: the registration failed, or is over and must be made anew.
    #[must_use]
    pub fn handle_eof(&self) -> EpmdError {
        EpmdError::Closed { received: self.received.len() }
    }
}

/// Asks where a node listens.
#[derive(Debug)]
pub struct Lookup {
    name: String,
    received: Vec<u8>,
}

impl Lookup {
    /// Prepares the question for a node; `name` is the part before the `@`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), received: Vec::new() }
    }

    /// The bytes to write on a fresh connection.
    ///
    /// # Errors
    /// [`EpmdError::Request`] when the name is out of limits.
    pub fn request(&self) -> Result<Vec<u8>, EpmdError> {
        Request::PortPlease(self.name.clone()).encode().map_err(EpmdError::Request)
    }

    /// Takes what arrived; gives the answer once it is complete: the node, or `Some(None)` when there is none.
    ///
    /// # Errors
    /// When the bytes are no answer to this question.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Option<Option<NodeEntry>>, EpmdError> {
        append(&mut self.received, bytes, LOOKUP_ANSWER_BYTES_MAX)?;
        match parse_port(&self.received) {
            Err(PortFault::Tag(tag)) => Err(EpmdError::UnexpectedTag(tag)),
            Err(PortFault::Entry(error)) => Err(EpmdError::Malformed(error)),
            Ok(PortAnswer::Incomplete) => Ok(None),
            Ok(PortAnswer::NotFound(_)) => Ok(Some(None)),
            Ok(PortAnswer::Found(entry)) if entry.name == self.name => Ok(Some(Some(entry))),
            Ok(PortAnswer::Found(_)) => Err(EpmdError::WrongName),
        }
    }

    /// The other side closed before the answer was complete.
    #[must_use]
    pub fn handle_eof(&self) -> EpmdError {
        EpmdError::Closed { received: self.received.len() }
    }
}

/// The answer to [`Names`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameList {
    /// The port this EPMD believes to listen on. `erl_epmd` throws lists with a foreign port away.
    pub epmd_tcp_port: u32,
    /// Names and their TCP ports, in the order of the answer.
    pub names: Vec<(String, u16)>,
}

/// Asks for all names. The answer ends with the connection.
#[derive(Debug, Default)]
pub struct Names {
    received: Vec<u8>,
}

impl Names {
    /// Prepares the question.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes to write on a fresh connection.
    ///
    /// # Errors
    /// None in practice; the signature is that of its siblings.
    pub fn request(&self) -> Result<Vec<u8>, EpmdError> {
        Request::Names.encode().map_err(EpmdError::Request)
    }

    /// Takes what arrived.
    ///
    /// # Errors
    /// When the answer grows over [`NAMES_ANSWER_BYTES_MAX`].
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), EpmdError> {
        append(&mut self.received, bytes, NAMES_ANSWER_BYTES_MAX)
    }

    /// The other side closed, so the answer is complete.
    ///
    /// # Errors
    /// When it is too short or its text is not a list of names.
    pub fn handle_eof(&self) -> Result<NameList, EpmdError> {
        let Some((port, text)) = self.received.split_first_chunk::<4>() else {
            return Err(EpmdError::Closed { received: self.received.len() });
        };
        let Ok(text) = str::from_utf8(text) else { return Err(EpmdError::BadText) };
        let entry = |line| parse_names_line(line).map(|(name, tcp_port)| (name.to_owned(), tcp_port));
        let names = text.lines().map(entry).collect::<Option<Vec<_>>>().ok_or(EpmdError::BadText)?;
        Ok(NameList { epmd_tcp_port: u32::from_be_bytes(*port), names })
    }
}

fn append(received: &mut Vec<u8>, bytes: &[u8], limit: usize) -> Result<(), EpmdError> {
    if received.len().saturating_add(bytes.len()) > limit {
        return Err(EpmdError::TooLong { limit });
    }
    received.extend_from_slice(bytes);
    Ok(())
}
