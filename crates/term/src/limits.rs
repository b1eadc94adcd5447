//! The limits a term has by itself, whoever built it.

/// Most characters (not bytes) an atom may have, as in OTP.
pub const ATOM_CHARACTERS_MAX: usize = 255;

/// Most characters (not bytes) a node name may have; it is an atom.
pub const NODE_NAME_CHARACTERS_MAX: usize = ATOM_CHARACTERS_MAX;

/// Most bytes a node name may have: 255 characters of four bytes.
pub const NODE_NAME_BYTES_MAX: usize = 1020;

/// Most node name spellings kept at one time, besides `nonode@nohost`.
pub const NODE_NAMES_MAX: usize = 65_535;

/// Most 32-bit words a reference carries.
pub const REFERENCE_WORDS_MAX: usize = 5;

/// How deep a printed term may nest to be parsed.
pub const PARSE_DEPTH_MAX: usize = 1_000;

/// How deep a term may nest to pass through serde, whose traits recurse.
pub const SERDE_DEPTH_MAX: usize = 128;
