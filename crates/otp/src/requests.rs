//! Requests of generated protocols as terms: the name as an atom, or a tuple of the name and the arguments.

use crate::wire::{self, Caller, Envelope};
use bytes::Bytes;
use engset_etf::{DeError, DecodeError, Payload, tags};
use engset_process::{EncodeError, Encoded, Mail, Processes, Protocol, Rejected};
use engset_term::{Atom, names};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The name of a request, an atom as a term.
#[derive(Debug)]
pub struct Name(pub &'static str);

/// A request that arrived: its name and how many arguments it has, which are not read yet.
#[derive(Debug)]
pub struct Arrived<'a> {
    name: Atom,
    arguments: usize,
    body: &'a Payload,
}

/// Why a request is not one of the protocol's.
#[derive(Debug)]
pub enum BadRequest {
    /// It is neither an atom nor a tuple that begins with one.
    NoRequest(DecodeError),
    /// There is none of this name and number of arguments.
    Unknown {
        /// What arrived.
        found: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// An argument is not of the expected type.
    Arguments {
        /// What arrived.
        found: String,
        /// What is wrong with it.
        error: DeError,
    },
}

/// Makes a mailbox entry of what arrived as a term; each function makes a message of one kind of request.
///
/// # Errors
/// [`Rejected`] where the request is not one of the protocol's.
pub fn decode<P: Protocol>(
    encoded: &Encoded,
    processes: &Arc<Processes>,
    call: impl FnOnce(&Arrived<'_>, &Caller, &Arc<Processes>) -> Result<P, BadRequest>,
    cast: impl FnOnce(&Arrived<'_>) -> Result<P, BadRequest>,
    plain: impl FnOnce(&Arrived<'_>) -> Option<P>,
) -> Result<Mail<P>, Rejected> {
    match wire::open(&encoded.payload).map_err(wire::malformed)? {
        Envelope::Call(caller, request) => {
            let read = || call(&Arrived::open(&request)?, &caller, processes);
            // Types of the program may panic; its caller must hear of that too.
            match catch_unwind(AssertUnwindSafe(read)) {
                Ok(Ok(message)) => Ok(Mail::Message(message)),
                Ok(Err(error)) => Err(wire::bad_request(&caller, error)),
                Err(_payload) => Err(wire::bad_request(&caller, wire::ReadPanicked)),
            }
        }
        Envelope::Cast(request) => {
            let message = Arrived::open(&request).and_then(|request| cast(&request));
            message.map(Mail::Message).map_err(|error| Rejected::NotUnderstood(Box::new(error)))
        }
        Envelope::Other(message) => match Arrived::open(&message).ok().and_then(|request| plain(&request)) {
            Some(message) => Ok(Mail::Message(message)),
            None => encoded.term().map(|term| Mail::Other(Box::new(term))),
        },
    }
}

/// A message that is `request` and nothing around it.
///
/// # Errors
/// When the request has no Erlang form.
pub fn plain(request: &impl Serialize) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(64);
    engset_etf::to_body(request, &mut out).map_err(|error| EncodeError::Value(Box::new(error)))?;
    Ok(out.into())
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(names::ATOM, self.0)
    }
}

impl<'a> Arrived<'a> {
    /// Looks at the name.
    pub(crate) fn open(body: &'a Payload) -> Result<Self, BadRequest> {
        let mut reader = body.reader();
        let is_tuple = matches!(
            reader.peek_tag().map_err(BadRequest::NoRequest)?,
            tags::SMALL_TUPLE | tags::LARGE_TUPLE
        );
        let elements = if is_tuple { reader.tuple_header().map_err(BadRequest::NoRequest)? } else { 1 };
        let name = reader.atom().map_err(BadRequest::NoRequest)?;
        Ok(Self { name, arguments: usize::try_from(elements).unwrap_or(usize::MAX).saturating_sub(1), body })
    }

    /// Its name, and how many arguments it has.
    #[must_use]
    pub fn head(&self) -> (&str, usize) {
        (self.name.as_str(), self.arguments)
    }

    /// The request as a `T`: a tuple of the name and the arguments, where it has any.
    ///
    /// # Errors
    /// When an argument is of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, BadRequest> {
        self.body.deserialize().map_err(|error| BadRequest::Arguments { found: self.to_string(), error })
    }

    /// It is none of these.
    #[must_use]
    pub fn unknown(&self, known: &'static [&'static str]) -> BadRequest {
        BadRequest::Unknown { found: self.to_string(), known }
    }
}

impl fmt::Display for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.arguments)
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRequest(error) => {
                write!(f, "it is neither an atom nor a tuple that begins with one: {error}")
            }
            Self::Unknown { found, known: [] } => {
                write!(f, "unknown request {found}, there are none of its kind")
            }
            Self::Unknown { found, known } => {
                write!(f, "unknown request {found}, expected one of {}", known.join(", "))
            }
            Self::Arguments { found, error } => write!(f, "the arguments of {found}: {error}"),
        }
    }
}

impl std::error::Error for BadRequest {}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::Term;
    use serde::de::IgnoredAny;

    fn body(text: &str) -> Payload {
        let mut out = Vec::new();
        engset_etf::encode_body(&Term::parse(text).expect("a term"), &mut out);
        Payload::from(Bytes::from(out))
    }

    #[test]
    fn a_request_has_a_name_and_arguments() {
        for (text, head) in [("get", ("get", 0)), ("{get}", ("get", 0)), ("{get, 1, 2}", ("get", 2))] {
            let body = body(text);
            assert_eq!(Arrived::open(&body).expect("a request").head(), head);
        }
        let body = body("{add, 3, x}");
        let request = Arrived::open(&body).expect("a request");
        assert_eq!(request.read::<(IgnoredAny, u8, Atom)>().expect("as sent").1, 3);
        let error = request.read::<(IgnoredAny, u8, u8)>().expect_err("an atom").to_string();
        assert!(error.starts_with("the arguments of add/2: "), "{error}");
        let error = request.unknown(&["get/0", "add/1"]).to_string();
        assert_eq!(error, "unknown request add/2, expected one of get/0, add/1");
    }

    #[test]
    fn what_is_no_request_is_told() {
        for text in ["7", "{}", "{7, a}", "[get]", "#{}"] {
            let body = body(text);
            assert!(matches!(Arrived::open(&body), Err(BadRequest::NoRequest(_))), "{text}");
        }
        assert!(Arrived::open(&Payload::from(Bytes::new())).is_err());
    }

    #[test]
    fn names_are_written_as_they_are() {
        assert_eq!(Payload::from(plain(&(Name("fetch!"), 3)).expect("it has a form")), body("{'fetch!', 3}"));
        assert_eq!(Payload::from(plain(&Name("GetAll")).expect("it has a form")), body("'GetAll'"));
    }
}
