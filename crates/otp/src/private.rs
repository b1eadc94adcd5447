//! What the code that `#[server]`, `#[client]` and `#[term]` make refers to. Not for use by hand.

pub use crate::{Call, Info, Reply, Server, decode_fallible_reply, decode_reply, requests, wire};
pub use engset_etf::conventions;
pub use engset_process::{
    Addr, Cx, EncodeError, Encoded, Exit, ExitReason, Mail, Outgoing, Processes, Protocol, Rejected,
    SendError, Service, Target,
};
pub use engset_term::{Atom, NodeName, Pid, Term};
pub use serde;
pub use std::fmt::format;
pub use std::string::String;
pub use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a server shows of itself; nothing where that has no Erlang form, such as a float that is not finite.
pub fn shown<T: Serialize>(value: &T) -> Option<Term> {
    engset_etf::to_term(value).ok()
}

/// The messages of a server's or a client's protocol.
pub trait Requests: Protocol {
    /// The handle on one process that serves them.
    type Ref: From<Addr<Self>> + Copy + Send + Sync + 'static;

    /// The request's name.
    fn name(&self) -> &'static str;
}

/// A `Result` by whatever alias.
pub trait Fallible {
    /// The value.
    type Ok;
    /// The error.
    type Err;
}

impl<T, E> Fallible for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// What a method without an answer may return.
#[diagnostic::on_unimplemented(
    message = "nobody would get the `{Self}` that this method returns",
    label = "expected `()` or `Result<(), Exit>`",
    note = "an `Exit` ends the server; `?` makes one of any `std::error::Error`",
    note = "a caller gets what a `#[call]` method without a `Reply` returns; the state is changed by `&mut self`"
)]
pub trait Outcome {
    /// Whether the server goes on.
    fn into_result(self) -> Result<(), Exit>;
}

#[diagnostic::do_not_recommend]
impl Outcome for () {
    fn into_result(self) -> Result<(), Exit> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl Outcome for Result<(), Exit> {
    fn into_result(self) -> Self {
        self
    }
}

/// Whether the server goes on after a method that returned `outcome`.
pub fn outcome(outcome: impl Outcome) -> Result<(), Exit> {
    outcome.into_result()
}

/// An argument or an answer of a client's request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another node",
    label = "an argument or an answer must be a serde type",
    note = "put `#[term]` on `{Self}`, or derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Travels: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Travels for T {}

/// Holds where `T` can travel to another node.
pub fn travels_always<T: Travels>() {}

/// An argument or an answer of a server that other nodes can reach. One that cannot travel needs `#[server(local)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another node",
    label = "an argument or an answer must be a serde type",
    note = "derive `serde::Serialize` and `serde::Deserialize` for `{Self}`, or keep the server on its node with `#[server(local)]`"
)]
pub trait TravelsUnlessServerLocal: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> TravelsUnlessServerLocal for T {}

/// Holds where `T` can travel to another node.
pub fn travels<T: TravelsUnlessServerLocal>() {}
