//! Erlang terms as plain values: what they are, how they order, print and parse.
//!
//! ```
//! use engset_term::Term;
//!
//! let term = Term::parse("#{name => <<\"engset\">>, ports => [1, 2 | more]}.").expect("a term");
//! assert_eq!(term.to_string(), r#"#{name => <<"engset">>,ports => [1,2|more]}"#);
//! // Erlang's order: number < atom < reference < fun < port < pid < tuple < map < nil < list < bitstring.
//! assert!(Term::from(10) < Term::atom("a") && Term::atom("a") < Term::tuple([]));
//! ```
//!
//! Nothing here knows the wire, a process or a clock.
//! All containers are shared and immutable, so a clone costs one counter, and no walk over a term
//! (drop, comparison, hash, print, parse) recurses as deep as it nests, so depth is never a danger.
//!
//! One exception to "no process-wide state" lives here: the bounded table of node name spellings,
//! see [`NodeName`].

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
#[cfg(any(test, feature = "arbitrary"))]
extern crate std;

#[cfg(feature = "arbitrary")]
pub mod arbitrary;
mod atom;
mod binary;
mod cells;
mod format;
mod instant;
mod integer;
pub mod limits;
mod list;
mod map;
mod node_name;
mod order;
mod parse;
mod pid;
mod port_id;
mod reference;
mod scan;
#[cfg(feature = "serde")]
mod serde;
mod short;
mod term;
mod tuple;

#[cfg(feature = "serde")]
pub use crate::serde::{TermKind, names};
pub use atom::{Atom, AtomError};
pub use binary::{Binary, BitString, Opaque};
pub use format::DisplayMax;
pub use instant::Instant;
pub use integer::{Big, Float, FloatError, Integer};
pub use list::List;
pub use map::{Map, MapError};
pub use node_name::{NodeName, NodeNameError, PinnedNodeName};
pub use parse::{ParseError, ParseErrorKind};
pub use pid::Pid;
pub use port_id::PortId;
pub use reference::{Reference, ReferenceError};
pub use term::{Export, Term};
pub use tuple::Tuple;
