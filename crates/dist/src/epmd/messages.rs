//! The messages of EPMD, encoded and parsed, with the limits of the stock daemon.

use crate::cursor::Cursor;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The TCP port EPMD listens on unless told otherwise.
pub const EPMD_TCP_PORT: u16 = 4369;
/// The longest name (the part before the `@`), in characters.
pub const NAME_CHARS_MAX: usize = 255;
/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 1_020;
/// The most data a registration may carry beside the name, in bytes.
pub const EXTRA_BYTES_MAX: usize = 1_020;
/// The longest request body, in bytes, tag included.
///
/// Longest name and most extra data together would need 2,053; nothing in use comes near.
pub const REQUEST_BYTES_MAX: usize = 2_048;
/// The creation in a refused registration.
pub const REFUSED_CREATION: u32 = 99;
/// The distribution version from which registrations are answered with a creation of 32 bits.
pub const BIG_CREATION_VERSION: u16 = 6;

pub(crate) const ALIVE2_REQ: u8 = b'x';
pub(crate) const ALIVE2_RESP: u8 = b'y';
pub(crate) const ALIVE2_X_RESP: u8 = b'v';
pub(crate) const PORT2_REQ: u8 = b'z';
pub(crate) const PORT2_RESP: u8 = b'w';
pub(crate) const NAMES_REQ: u8 = b'n';
pub(crate) const DUMP_REQ: u8 = b'd';
pub(crate) const KILL_REQ: u8 = b'k';
pub(crate) const STOP_REQ: u8 = b's';

/// Whether a registered node takes part in the mesh. OTP registers hidden nodes as normal ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// `M` (77): a normal node.
    Normal,
    /// `H` (72): a hidden node, such as a C node.
    Hidden,
    /// Any other byte: carried as it is, as the stock daemon does.
    Other(u8),
}

impl NodeType {
    /// The byte on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Normal => b'M',
            Self::Hidden => b'H',
            Self::Other(byte) => byte,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            b'M' => Self::Normal,
            b'H' => Self::Hidden,
            other => Self::Other(other),
        }
    }
}

/// What EPMD knows of a node: the content of a registration and of the answer to a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    /// The name before the `@`.
    pub name: String,
    /// Where the node accepts distribution connections.
    pub tcp_port: u16,
    /// Normal or hidden.
    pub node_type: NodeType,
    /// The carrier; 0 is TCP over IPv4, and TLS nodes say 0 too.
    pub protocol: u8,
    /// The highest distribution version the node speaks; 6 since OTP 23.
    pub highest_version: u16,
    /// The lowest distribution version the node speaks; OTP says 5.
    pub lowest_version: u16,
    /// Opaque data that every look-up carries along, ≤ [`EXTRA_BYTES_MAX`].
    pub extra: Vec<u8>,
}

/// A registration is a [`NodeEntry`] on its way to EPMD.
pub type Registration = NodeEntry;

impl NodeEntry {
    /// A normal TCP node that speaks versions 5 to 6, as OTP registers.
    #[must_use]
    pub fn new(name: &str, tcp_port: u16) -> Self {
        Self {
            name: name.to_owned(),
            tcp_port,
            node_type: NodeType::Normal,
            protocol: 0,
            highest_version: 6,
            lowest_version: 5,
            extra: Vec::new(),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tcp_port.to_be_bytes());
        out.push(self.node_type.byte());
        out.push(self.protocol);
        out.extend_from_slice(&self.highest_version.to_be_bytes());
        out.extend_from_slice(&self.lowest_version.to_be_bytes());
        put_counted(out, self.name.as_bytes());
        put_counted(out, &self.extra);
    }
}

/// A request, as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// ALIVE2: register this node for as long as the connection lives.
    Register(Registration),
    /// PORT_PLEASE2: where is the node of this name?
    PortPlease(String),
    /// NAMES: all names, as text.
    Names,
    /// DUMP: all that is known, as text.
    Dump,
    /// KILL: end the daemon.
    Kill,
    /// STOP: forget the node of this name.
    Stop(String),
}

impl Request {
    /// The request with its length in front, ready to be written.
    ///
    /// # Errors
    /// When a name or the extra data is over its limit, empty, or has control characters.
    pub fn encode(&self) -> Result<Vec<u8>, RequestError> {
        let mut body = Vec::new();
        match self {
            Self::Register(registration) => {
                check_registration(registration)?;
                body.push(ALIVE2_REQ);
                registration.put(&mut body);
            }
            Self::PortPlease(name) => {
                check_name(name)?;
                body.push(PORT2_REQ);
                body.extend_from_slice(name.as_bytes());
            }
            Self::Stop(name) => {
                check_name(name)?;
                body.push(STOP_REQ);
                body.extend_from_slice(name.as_bytes());
            }
            Self::Names => body.push(NAMES_REQ),
            Self::Dump => body.push(DUMP_REQ),
            Self::Kill => body.push(KILL_REQ),
        }
        if body.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong { len: body.len() });
        }
        let mut out = Vec::new();
        put_counted(&mut out, &body);
        Ok(out)
    }

    /// Parses the body of a request (without its length).
    ///
    /// Bytes after a complete request inside the body are ignored, as the stock daemon does.
    ///
    /// # Errors
    /// When the body is not a request within the limits; the client is to blame, the connection is to be closed
    /// (or answered with a refusal, see [`RequestError::Refused`]).
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong { len: body.len() });
        }
        let mut cursor = Cursor::new(body);
        match cursor.u8().ok_or(RequestError::Empty)? {
            ALIVE2_REQ => parse_register(cursor),
            PORT2_REQ => Ok(Self::PortPlease(parse_name(until_nul(cursor.rest()))?)),
            STOP_REQ => Ok(Self::Stop(parse_name(until_nul(cursor.rest()))?)),
            NAMES_REQ => Ok(Self::Names),
            DUMP_REQ => Ok(Self::Dump),
            KILL_REQ => Ok(Self::Kill),
            tag => Err(RequestError::UnknownTag(tag)),
        }
    }
}

/// Why bytes are no request. The client is to blame; no other connection is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// The length is zero.
    Empty,
    /// The length is over [`REQUEST_BYTES_MAX`].
    TooLong {
        /// The length of the body.
        len: usize,
    },
    /// No request begins with this byte.
    UnknownTag(u8),
    /// The body ends inside a field.
    Truncated,
    /// The name is empty.
    NameEmpty,
    /// The name has a control character, such as NUL or a line end.
    NameControl,
    /// The name is longer than [`NAME_CHARS_MAX`] characters or [`NAME_BYTES_MAX`] bytes.
    NameTooLong,
    /// The name is not UTF-8.
    NameNotUtf8,
    /// The extra data is longer than [`EXTRA_BYTES_MAX`].
    ExtraTooLong,
    /// A complete registration whose name or extra data is out of limits: answer it with a refusal.
    Refused {
        /// The highest version of the node, which selects the form of the answer.
        highest_version: u16,
        /// What is out of limits.
        cause: RefusedCause,
    },
}

/// What in a complete registration is out of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedCause {
    /// The name is too long.
    NameTooLong,
    /// The name is not UTF-8.
    NameNotUtf8,
    /// The name has a control character other than NUL.
    NameControl,
    /// The extra data is too long.
    ExtraTooLong,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the request is empty"),
            Self::TooLong { len } => {
                write!(f, "the request has {len} bytes, the limit is {REQUEST_BYTES_MAX}")
            }
            Self::UnknownTag(tag) => write!(f, "no request begins with byte {tag}"),
            Self::Truncated => f.write_str("the request ends inside a field"),
            Self::NameEmpty => f.write_str("the node name is empty"),
            Self::NameControl => f.write_str("the node name has a control character"),
            Self::NameTooLong => write!(f, "the node name has more than {NAME_CHARS_MAX} characters"),
            Self::NameNotUtf8 => f.write_str("the node name is not utf-8"),
            Self::ExtraTooLong => write!(f, "the extra data has more than {EXTRA_BYTES_MAX} bytes"),
            Self::Refused { cause, .. } => write!(f, "the registration is refused: {cause:?}"),
        }
    }
}

impl core::error::Error for RequestError {}

/// The answer to a registration: result 0 and the creation, or result 1 and creation 99.
#[must_use]
pub fn encode_alive(highest_version: u16, creation: Option<u32>) -> Vec<u8> {
    let result = u8::from(creation.is_none());
    let creation = creation.unwrap_or(REFUSED_CREATION);
    let mut out = Vec::new();
    if highest_version >= BIG_CREATION_VERSION {
        out.extend_from_slice(&[ALIVE2_X_RESP, result]);
        out.extend_from_slice(&creation.to_be_bytes());
    } else {
        out.extend_from_slice(&[ALIVE2_RESP, result]);
        let [_, _, high, low] = creation.to_be_bytes();
        out.extend_from_slice(&[high, low]);
    }
    out
}

/// The answer to a look-up.
#[must_use]
pub fn encode_port(entry: Option<&NodeEntry>) -> Vec<u8> {
    let mut out = Vec::from([PORT2_RESP, u8::from(entry.is_none())]);
    if let Some(entry) = entry {
        entry.put(&mut out);
    }
    out
}

/// Parses the answer to a registration: the result and the creation, `None` while bytes are missing.
///
/// # Errors
/// When it begins with another byte than such an answer.
pub fn parse_alive(bytes: &[u8]) -> Result<Option<(u8, u32)>, UnexpectedTag> {
    let mut cursor = Cursor::new(bytes);
    let Some(tag) = cursor.u8() else { return Ok(None) };
    match tag {
        ALIVE2_X_RESP => Ok(cursor.u8().zip(cursor.u32())),
        ALIVE2_RESP => Ok(cursor.u8().zip(cursor.u16().map(u32::from))),
        other => Err(UnexpectedTag(other)),
    }
}

/// An answer began with this byte, which no answer to the request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnexpectedTag(pub u8);

/// The answer to a look-up, as far as it has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortAnswer {
    /// More bytes are needed.
    Incomplete,
    /// There is no such node; the result byte of the answer.
    NotFound(u8),
    /// The node.
    Found(NodeEntry),
}

/// Parses the answer to a look-up.
///
/// # Errors
/// When it is no such answer or a name or the extra data in it is over its limit.
pub fn parse_port(bytes: &[u8]) -> Result<PortAnswer, PortFault> {
    let mut cursor = Cursor::new(bytes);
    match cursor.u8() {
        None => return Ok(PortAnswer::Incomplete),
        Some(PORT2_RESP) => {}
        Some(tag) => return Err(PortFault::Tag(tag)),
    }
    match cursor.u8() {
        None => return Ok(PortAnswer::Incomplete),
        Some(0) => {}
        Some(result) => return Ok(PortAnswer::NotFound(result)),
    }
    let Some(fields) = parse_entry(&mut cursor).map_err(PortFault::Entry)? else {
        return Ok(PortAnswer::Incomplete);
    };
    fields.into_entry().map(PortAnswer::Found).map_err(PortFault::Entry)
}

/// Why bytes are no answer to a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortFault {
    /// It begins with this byte.
    Tag(u8),
    /// A field is out of limits.
    Entry(RequestError),
}

/// One line of the answer to NAMES.
#[must_use]
pub fn parse_names_line(line: &str) -> Option<(&str, u16)> {
    let (name, tcp_port) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
    Some((name, tcp_port.parse().ok()?))
}

fn parse_register(mut cursor: Cursor<'_>) -> Result<Request, RequestError> {
    let fields = match parse_entry(&mut cursor) {
        Ok(Some(fields)) => fields,
        Ok(None) => return Err(RequestError::Truncated),
        Err(error) => return Err(error),
    };
    let highest_version = fields.highest_version;
    let refused = |cause| RequestError::Refused { highest_version, cause };
    fields.into_entry().map(Request::Register).map_err(|error| match error {
        RequestError::NameTooLong => refused(RefusedCause::NameTooLong),
        RequestError::NameNotUtf8 => refused(RefusedCause::NameNotUtf8),
        RequestError::NameControl => refused(RefusedCause::NameControl),
        RequestError::ExtraTooLong => refused(RefusedCause::ExtraTooLong),
        RequestError::Empty
        | RequestError::TooLong { .. }
        | RequestError::UnknownTag(_)
        | RequestError::Truncated
        | RequestError::NameEmpty
        | RequestError::Refused { .. } => error,
    })
}

struct EntryFields<'a> {
    tcp_port: u16,
    node_type: u8,
    protocol: u8,
    highest_version: u16,
    lowest_version: u16,
    name: &'a [u8],
    extra: &'a [u8],
}

impl EntryFields<'_> {
    fn into_entry(self) -> Result<NodeEntry, RequestError> {
        if self.extra.len() > EXTRA_BYTES_MAX {
            return Err(RequestError::ExtraTooLong);
        }
        Ok(NodeEntry {
            name: parse_name(self.name)?,
            tcp_port: self.tcp_port,
            node_type: NodeType::from_byte(self.node_type),
            protocol: self.protocol,
            highest_version: self.highest_version,
            lowest_version: self.lowest_version,
            extra: self.extra.to_vec(),
        })
    }
}

/// `None` while bytes are missing.
fn parse_entry<'a>(cursor: &mut Cursor<'a>) -> Result<Option<EntryFields<'a>>, RequestError> {
    let mut fields = || {
        Some(EntryFields {
            tcp_port: cursor.u16()?,
            node_type: cursor.u8()?,
            protocol: cursor.u8()?,
            highest_version: cursor.u16()?,
            lowest_version: cursor.u16()?,
            name: take_counted(cursor)?,
            extra: take_counted(cursor)?,
        })
    };
    let fields = fields();
    // A NUL in a name is not a long or strange name but an attempt to mean another one.
    match fields {
        Some(fields) if fields.name.contains(&0) => Err(RequestError::NameControl),
        other => Ok(other),
    }
}

fn parse_name(bytes: &[u8]) -> Result<String, RequestError> {
    if bytes.len() > NAME_BYTES_MAX {
        return Err(RequestError::NameTooLong);
    }
    let Ok(name) = str::from_utf8(bytes) else { return Err(RequestError::NameNotUtf8) };
    check_name(name)?;
    Ok(name.to_owned())
}

fn check_name(name: &str) -> Result<(), RequestError> {
    if name.is_empty() {
        return Err(RequestError::NameEmpty);
    }
    if name.len() > NAME_BYTES_MAX || name.chars().count() > NAME_CHARS_MAX {
        return Err(RequestError::NameTooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(RequestError::NameControl);
    }
    Ok(())
}

fn check_registration(registration: &Registration) -> Result<(), RequestError> {
    if registration.extra.len() > EXTRA_BYTES_MAX {
        return Err(RequestError::ExtraTooLong);
    }
    check_name(&registration.name)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn take_counted<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = cursor.u16()?;
    cursor.take(usize::from(len))
}

/// Appends a 16-bit length and the bytes; the callers have checked that they are few.
fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend(bytes.iter().take(usize::from(len)));
}
