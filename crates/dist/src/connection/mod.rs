//! An established connection: signals in and out, as two values so that senders and the reader share no lock.
//!
//! [`Outgoing`] turns signals into frames in the form the peer can read, keeps small signals moving between the
//! fragments of large ones, and says when it is busy. [`Incoming`] turns bytes into signals. [`Ticker`] says when
//! to show life and when to give the peer up.
//!
//! Order: signals of one sender leave in the order in which they were queued. Signals of different senders may
//! overtake each other only when one of them waits behind fragments.
//!
//! A payload is one term in external format *without* the version byte 131, on both sides. What arrives is not looked
//! into here: whoever the message is for decodes it in its own time, with the atoms that the header of its frame named.

mod atom_cache;
mod error;
mod fragments;
mod groups;
mod incoming;
mod outgoing;
mod sent_atoms;
mod ticks;

pub use atom_cache::ATOM_CACHE_SLOTS;
pub use error::{AtomCacheFault, ConnectionError};
pub use groups::{OutgoingStreams, SENDER_GROUPS, group_of};
pub use incoming::{Incoming, IncomingConfig, Received};
pub use outgoing::{Outgoing, OutgoingConfig, POLL_BYTES_MAX, SendError, WHOLE_BYTES_MAX};
pub(crate) use sent_atoms::SentAtoms;
pub use ticks::{Tick, TickConfig, Ticker};

/// How much of a payload goes into one fragment, in bytes, as OTP does it.
pub const FRAGMENT_BYTES: usize = 64 * 1024;

/// The version byte in front of a term that stands alone.
const VERSION: u8 = 131;
/// The first byte of a frame without a distribution header.
const PASS_THROUGH: u8 = 112;
/// A distribution header in front of a whole signal.
const NORMAL_HEADER: u8 = 68;
/// A distribution header in front of the first fragment of a signal.
const FIRST_FRAGMENT: u8 = 69;
/// The header of all further fragments.
const NEXT_FRAGMENT: u8 = 70;
