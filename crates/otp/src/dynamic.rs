//! Servers whose requests are plain terms: for talking to servers written elsewhere without a typed protocol.

use crate::call::Call;
use crate::reply::{Reply, decode_reply};
use crate::wire;
use engset_process::{
    EncodeError, Encoded, Mail, Outgoing, Processes, Protocol, Rejected, SendError, Target,
};
use engset_term::Term;
use std::sync::Arc;

/// A request to a server that takes any term, as every `gen_server` on the BEAM does.
#[derive(Debug)]
pub enum Dynamic {
    /// `gen_server:call(Server, Request)`.
    Call(Term, Reply<Term>),
    /// `gen_server:cast(Server, Request)`.
    Cast(Term),
}

impl Dynamic {
    /// `gen_server:call(To, Request)`: to a server on any node.
    pub fn call(to: &impl Target<Self>, request: Term) -> Call<Self, Term> {
        Call::new(to, |reply| Self::Call(request, reply))
    }

    /// `gen_server:cast(To, Request)`.
    ///
    /// # Errors
    /// [`SendError`] when it was refused on this node.
    pub fn cast(to: &impl Target<Self>, request: Term) -> Result<(), SendError<Self>> {
        to.send(Self::Cast(request))
    }
}

#[diagnostic::do_not_recommend]
impl Protocol for Dynamic {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Call(request, reply) => reply.send_request(out, &request, decode_reply),
            Self::Cast(request) => {
                out.send(wire::cast(&request)?);
                Ok(())
            }
        }
    }

    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let call = |request, caller, at: &Arc<Processes>| Self::Call(request, Reply::from_term(caller, at));
        wire::decode(&encoded, at, call, Self::Cast)
    }
}
