//! The messages of the handshake, encoded and parsed. Names are Latin-1, except in a dynamic name's status.

use super::digest::Digest;
use super::error::NameFault;
use crate::cursor::Cursor;
use crate::flags::Flags;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// The longest node name, in characters.
pub const NAME_CHARS_MAX: usize = 255;
/// The handshake version in an old name message.
pub(super) const OLD_VERSION: u16 = 5;

/// The first message of the initiator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `'N'`: OTP 23 and later.
    New { flags: Flags, creation: u32, name: String },
    /// `'n'`: flags have only 32 bits and the creation follows in the complement.
    Old { version: u16, flags: Flags, name: String },
}

/// What the acceptor says about the initiator's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    OkSimultaneous,
    Nok,
    NotAllowed,
    Alive,
    Named { name: String, creation: u32 },
}

/// The acceptor's challenge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    New { flags: Flags, challenge: u32, creation: u32, name: String },
    Old { version: u16 },
}

/// Why a message could not be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageFault {
    Malformed,
    Name(NameFault),
}

pub(super) fn encode_name(flags: Flags, creation: u32, name: &[u8]) -> Vec<u8> {
    let mut out = Vec::from([b'N']);
    out.extend_from_slice(&flags.0.to_be_bytes());
    out.extend_from_slice(&creation.to_be_bytes());
    put_counted(&mut out, name);
    out
}

pub(super) fn parse_name(message: &[u8]) -> Result<Name, MessageFault> {
    let mut cursor = Cursor::new(message);
    match cursor.u8() {
        Some(b'N') => {
            let mut fields = || {
                let flags = Flags(cursor.u64()?);
                let creation = cursor.u32()?;
                let len = cursor.u16()?;
                Some((flags, creation, cursor.take(usize::from(len))?))
            };
            let (flags, creation, name) = fields().ok_or(MessageFault::Malformed)?;
            Ok(Name::New { flags, creation, name: name_from_latin1(name)? })
        }
        Some(b'n') => {
            let version = cursor.u16().ok_or(MessageFault::Malformed)?;
            let flags = Flags(u64::from(cursor.u32().ok_or(MessageFault::Malformed)?));
            Ok(Name::Old { version, flags, name: name_from_latin1(cursor.rest())? })
        }
        Some(_) | None => Err(MessageFault::Malformed),
    }
}

pub(super) fn encode_status(status: &Status) -> Vec<u8> {
    let mut out = Vec::from([b's']);
    match status {
        Status::Ok => out.extend_from_slice(b"ok"),
        Status::OkSimultaneous => out.extend_from_slice(b"ok_simultaneous"),
        Status::Nok => out.extend_from_slice(b"nok"),
        Status::NotAllowed => out.extend_from_slice(b"not_allowed"),
        Status::Alive => out.extend_from_slice(b"alive"),
        Status::Named { name, creation } => {
            out.extend_from_slice(b"named:");
            put_counted(&mut out, name.as_bytes());
            out.extend_from_slice(&creation.to_be_bytes());
        }
    }
    out
}

pub(super) fn parse_status(message: &[u8]) -> Result<Status, MessageFault> {
    let text = message.strip_prefix(b"s").ok_or(MessageFault::Malformed)?;
    match text {
        b"ok" => Ok(Status::Ok),
        b"ok_simultaneous" => Ok(Status::OkSimultaneous),
        b"nok" => Ok(Status::Nok),
        b"not_allowed" => Ok(Status::NotAllowed),
        b"alive" => Ok(Status::Alive),
        other => {
            let mut cursor = Cursor::new(other.strip_prefix(b"named:").ok_or(MessageFault::Malformed)?);
            let mut fields = || {
                let len = cursor.u16()?;
                Some((cursor.take(usize::from(len))?, cursor.u32()?))
            };
            let (name, creation) = fields().ok_or(MessageFault::Malformed)?;
            let Ok(name) = str::from_utf8(name) else { return Err(MessageFault::Name(NameFault::NotUtf8)) };
            if name.chars().count() > NAME_CHARS_MAX {
                return Err(MessageFault::Name(NameFault::TooLong));
            }
            Ok(Status::Named { name: name.to_owned(), creation })
        }
    }
}

pub(super) fn encode_alive_answer(replace: bool) -> &'static [u8] {
    if replace { b"strue" } else { b"sfalse" }
}

pub(super) fn parse_alive_answer(message: &[u8]) -> Result<bool, MessageFault> {
    match message {
        b"strue" => Ok(true),
        b"sfalse" => Ok(false),
        _ => Err(MessageFault::Malformed),
    }
}

pub(super) fn encode_challenge(flags: Flags, challenge: u32, creation: u32, name: &[u8]) -> Vec<u8> {
    let mut out = Vec::from([b'N']);
    out.extend_from_slice(&flags.0.to_be_bytes());
    out.extend_from_slice(&challenge.to_be_bytes());
    out.extend_from_slice(&creation.to_be_bytes());
    put_counted(&mut out, name);
    out
}

pub(super) fn parse_challenge(message: &[u8]) -> Result<Challenge, MessageFault> {
    let mut cursor = Cursor::new(message);
    match cursor.u8() {
        Some(b'N') => {
            let mut fields = || {
                let flags = Flags(cursor.u64()?);
                let (challenge, creation) = (cursor.u32()?, cursor.u32()?);
                let len = cursor.u16()?;
                Some((flags, challenge, creation, cursor.take(usize::from(len))?))
            };
            let (flags, challenge, creation, name) = fields().ok_or(MessageFault::Malformed)?;
            Ok(Challenge::New { flags, challenge, creation, name: name_from_latin1(name)? })
        }
        Some(b'n') => Ok(Challenge::Old { version: cursor.u16().ok_or(MessageFault::Malformed)? }),
        Some(_) | None => Err(MessageFault::Malformed),
    }
}

/// The rest of the flags and the creation, after an old name message: an exact length.
pub(super) fn parse_complement(message: &[u8]) -> Result<(Flags, u32), MessageFault> {
    let mut cursor = Cursor::new(message.strip_prefix(b"c").ok_or(MessageFault::Malformed)?);
    let fields = cursor.u32().zip(cursor.u32()).filter(|_| cursor.is_empty());
    let (high, creation) = fields.ok_or(MessageFault::Malformed)?;
    Ok((Flags(u64::from(high) << 32), creation))
}

pub(super) fn encode_reply(challenge: u32, digest: Digest) -> Vec<u8> {
    let mut out = Vec::from([b'r']);
    out.extend_from_slice(&challenge.to_be_bytes());
    out.extend_from_slice(digest.bytes());
    out
}

pub(super) fn parse_reply(message: &[u8]) -> Result<(u32, Digest), MessageFault> {
    let mut cursor = Cursor::new(message.strip_prefix(b"r").ok_or(MessageFault::Malformed)?);
    let fields = cursor.u32().zip(cursor.array().map(Digest)).filter(|_| cursor.is_empty());
    fields.ok_or(MessageFault::Malformed)
}

pub(super) fn encode_ack(digest: Digest) -> Vec<u8> {
    let mut out = Vec::from([b'a']);
    out.extend_from_slice(digest.bytes());
    out
}

pub(super) fn parse_ack(message: &[u8]) -> Result<Digest, MessageFault> {
    let mut cursor = Cursor::new(message.strip_prefix(b"a").ok_or(MessageFault::Malformed)?);
    cursor.array().map(Digest).filter(|_| cursor.is_empty()).ok_or(MessageFault::Malformed)
}

/// A full node name: `name@host`.
pub(super) fn check_node_name(name: &str) -> Result<(), NameFault> {
    check_characters(name)?;
    match name.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && !host.contains('@') => Ok(()),
        Some(_) | None => Err(NameFault::NotNameAtHost),
    }
}

/// The host that a node sends which asks for a name.
pub(super) fn check_dynamic_host(host: &str) -> Result<(), NameFault> {
    check_characters(host)?;
    if host.contains('@') { Err(NameFault::NotNameAtHost) } else { Ok(()) }
}

fn check_characters(name: &str) -> Result<(), NameFault> {
    if name.is_empty() {
        return Err(NameFault::Empty);
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(NameFault::TooLong);
    }
    if name.chars().any(char::is_control) { Err(NameFault::Control) } else { Ok(()) }
}

/// The name as it goes into name and challenge messages.
pub(super) fn name_to_latin1(name: &str) -> Result<Vec<u8>, NameFault> {
    name.chars()
        .map(|char| u8::try_from(u32::from(char)).ok())
        .collect::<Option<_>>()
        .ok_or(NameFault::NotLatin1)
}

fn name_from_latin1(bytes: &[u8]) -> Result<String, MessageFault> {
    if bytes.len() > NAME_CHARS_MAX {
        return Err(MessageFault::Name(NameFault::TooLong));
    }
    Ok(bytes.iter().copied().map(char::from).collect())
}

fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend(bytes.iter().take(usize::from(len)));
}
