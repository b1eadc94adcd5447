//! The tags of the external term format, as OTP's guide "External Term Format" numbers them.

/// Stands before every term outside a distribution message.
pub const VERSION: u8 = 131;

/// A float in eight bytes.
pub const NEW_FLOAT: u8 = 70;
/// Bits that fill no whole bytes.
pub const BIT_BINARY: u8 = 77;
/// A compressed term.
pub const COMPRESSED: u8 = 80;
/// An atom by its place in the message's atom cache.
pub const ATOM_CACHE_REF: u8 = 82;
/// A record of OTP 29.
pub const RECORD: u8 = 67;
/// A pid.
pub const NEW_PID: u8 = 88;
/// A port, number of 32 bits.
pub const NEW_PORT: u8 = 89;
/// A reference.
pub const NEWER_REFERENCE: u8 = 90;
/// An integer of one byte.
pub const SMALL_INTEGER: u8 = 97;
/// An integer of four bytes.
pub const INTEGER: u8 = 98;
/// A float as text of 31 bytes; decoded only.
pub const FLOAT: u8 = 99;
/// A Latin-1 atom; decoded only (OTP before 26 writes it).
pub const ATOM: u8 = 100;
/// A reference of one word; decoded only.
pub const REFERENCE: u8 = 101;
/// A port with a creation of one byte; decoded only.
pub const PORT: u8 = 102;
/// A pid with a creation of one byte; decoded only.
pub const PID: u8 = 103;
/// A tuple of up to 255 elements.
pub const SMALL_TUPLE: u8 = 104;
/// A tuple.
pub const LARGE_TUPLE: u8 = 105;
/// The empty list.
pub const NIL: u8 = 106;
/// A list of bytes.
pub const STRING: u8 = 107;
/// A list with its tail.
pub const LIST: u8 = 108;
/// A binary.
pub const BINARY: u8 = 109;
/// An integer of up to 255 bytes.
pub const SMALL_BIG: u8 = 110;
/// An integer.
pub const LARGE_BIG: u8 = 111;
/// A fun.
pub const NEW_FUN: u8 = 112;
/// An external fun.
pub const EXPORT: u8 = 113;
/// A reference with a creation of one byte; decoded only.
pub const NEW_REFERENCE: u8 = 114;
/// A Latin-1 atom of up to 255 bytes; decoded only.
pub const SMALL_ATOM: u8 = 115;
/// A map.
pub const MAP: u8 = 116;
/// A UTF-8 atom.
pub const ATOM_UTF8: u8 = 118;
/// A UTF-8 atom of up to 255 bytes.
pub const SMALL_ATOM_UTF8: u8 = 119;
/// A port.
pub const V4_PORT: u8 = 120;
/// A term only the node that wrote it can read.
pub const LOCAL_EXT: u8 = 121;
