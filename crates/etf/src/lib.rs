//! Erlang's external term format: bytes to terms, terms to bytes, and serde over both.
//!
//! Three ways in and out:
//! * [`decode()`] and [`encode()`] for whole [`Term`](engset_term::Term)s;
//! * [`Reader`] and the `put_*` functions for envelopes that are taken apart and put together without
//!   building a term;
//! * [`from_body`] and [`to_body`] for types with serde.
//!
//! A term that arrives with atoms beside it is a [`Payload`].
//!
//! Every byte read is taken to come from a stranger: nothing panics, nothing is allocated because a
//! length was claimed, no depth is a danger (what nests deeper than most terms costs a stack of our own), and each [`Limits`] field ends one kind of excess.
//!
//! ```
//! use engset_etf::{DecodeErrorKind, decode, encode, from_term, to_term};
//! use engset_term::Term;
//!
//! let bytes = encode(&Term::tuple([Term::atom("add"), Term::from(3)]));
//! assert_eq!(bytes, [131, 104, 2, 119, 3, b'a', b'd', b'd', 97, 3]);
//! assert_eq!(decode(&bytes).expect("a term").to_string(), "{add,3}");
//! // A list that claims four billion elements, and has none.
//! let error = decode(&[131, 108, 255, 255, 255, 255]).expect_err("it claims too much");
//! assert_eq!(error.kind, DecodeErrorKind::TooManyElements);
//! // serde, both ways.
//! let term = to_term(&("add", 3)).expect("it has an Erlang form");
//! assert_eq!(from_term::<(String, u8)>(&term).expect("the same shape"), ("add".to_owned(), 3));
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::iter_over_hash_type,
    clippy::panic
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod body;
mod decode;
mod encode;
mod error;
mod inflate;
mod limits;
mod opaque;
mod payload;
mod reader;
mod serde;
pub mod tags;
mod write;

pub use crate::serde::{
    DeError, SerError, conventions, from_body, from_body_with, from_term, to_body, to_term,
};
pub use body::{Body, SHARED_BYTES_MIN};
pub use decode::{decode, decode_body, decode_bytes, decode_with};
pub use encode::{encode, encode_body};
pub use error::{DecodeError, DecodeErrorKind};
pub use limits::Limits;
pub use opaque::contains_record;
pub use payload::Payload;
pub use reader::Reader;
pub use write::{
    put_atom, put_atom_reference, put_big, put_binary, put_float, put_int, put_list_header, put_map_header,
    put_nil, put_node, put_pid, put_pid_with, put_port_id, put_reference, put_reference_with,
    put_tuple_header,
};
