//! Signals to control messages.

use super::{
    ALTACT_ALIAS, ALTACT_EXIT, ALTACT_NAME, ALTACT_PRIORITY, ALTACT_TOKEN, AltactTarget, Control, Process,
    Reason, SPAWN_LINKED, SPAWN_MONITORED, Spawn, SpawnResult,
};
use crate::connection::SentAtoms;
use crate::flags::Flags;
use alloc::boxed::Box;
use alloc::vec::Vec;
use engset_etf::{
    encode_body, put_atom, put_atom_reference, put_int, put_node, put_pid_with, put_reference_with,
    put_tuple_header,
};
use engset_term::{Atom, NodeName, Pid, Reference, Term};

/// The unused second element of `SEND` and third of `REG_SEND`.
const UNUSED: Atom = Atom::from_static("");

impl Control {
    /// Appends the control message, without version byte, in the form of [`Self::op`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_as(self.op(), None, None, out);
    }

    /// Like [`Self::encode`], for a peer with these capabilities: the sender of a message is left out if the peer does
    /// not know such messages. Atoms that `sent` takes become references.
    pub(crate) fn encode_for(&self, flags: Flags, sent: Option<&mut SentAtoms>, out: &mut Vec<u8>) {
        let op = match self.op() {
            22 if !flags.contains(Flags::SEND_SENDER) => 2,
            23 if !flags.contains(Flags::SEND_SENDER) => 12,
            op => op,
        };
        self.encode_as(op, None, sent, out);
    }

    /// Puts a reason that is a payload into the control message, for a peer without `EXIT_PAYLOAD`.
    /// The reason is the last element of all such messages.
    pub(crate) fn encode_with_reason(&self, reason: &[u8], sent: Option<&mut SentAtoms>, out: &mut Vec<u8>) {
        let op = match self.op() {
            24 => 3,
            25 => 13,
            26 => 8,
            27 => 18,
            28 => 21,
            other => other,
        };
        self.encode_as(op, Some(reason), sent, out);
    }

    fn encode_as(&self, op: u8, raw_reason: Option<&[u8]>, sent: Option<&mut SentAtoms>, out: &mut Vec<u8>) {
        let mut tuple = Elements::begin(op, self.elements(raw_reason.is_some()), sent, out);
        match self {
            Self::Link { from, to } | Self::Unlink { from, to } | Self::GroupLeader { from, to } => {
                tuple.pid(*from).pid(*to);
            }
            Self::Send { from, to, token } => {
                match from {
                    Some(from) if matches!(op, 22 | 23) => tuple.pid(*from),
                    Some(_) | None => tuple.atom(&UNUSED),
                };
                tuple.pid(*to).token(token.as_deref());
            }
            Self::Exit { from, to, token, reason } | Self::Exit2 { from, to, token, reason } => {
                tuple.pid(*from).pid(*to).token(token.as_deref()).reason(reason, raw_reason);
            }
            Self::NodeLink => {}
            Self::RegSend { from, to, token } => {
                tuple.pid(*from).atom(&UNUSED).atom(to).token(token.as_deref());
            }
            Self::MonitorP { from, to, reference } | Self::DemonitorP { from, to, reference } => {
                tuple.pid(*from).process(to).reference(reference);
            }
            Self::MonitorPExit { from, to, reference, reason } => {
                tuple.process(from).pid(*to).reference(reference).reason(reason, raw_reason);
            }
            Self::SpawnRequest { request, from, spawn, token } => {
                let Spawn { group_leader, function, options } = &**spawn;
                tuple.reference(request).pid(*from).pid(*group_leader);
                put_tuple_header(tuple.out, 3);
                tuple.atom(&function.module).atom(&function.function).int(i64::from(function.arity));
                tuple.term(&Term::list(options.iter().cloned())).token(token.as_deref());
            }
            Self::SpawnReply { request, to, linked, monitored, result, token } => {
                let flags = flag(*linked, SPAWN_LINKED) | flag(*monitored, SPAWN_MONITORED);
                tuple.reference(request).pid(*to).int(flags);
                match result {
                    SpawnResult::Spawned(pid) => tuple.pid(*pid),
                    SpawnResult::Error(error) => tuple.atom(error),
                };
                tuple.token(token.as_deref());
            }
            Self::AliasSend { from, to, token } => {
                tuple.pid(*from).reference(to).token(token.as_deref());
            }
            Self::UnlinkId { id, from, to } | Self::UnlinkIdAck { id, from, to } => {
                tuple.term(&Term::int(*id)).pid(*from).pid(*to);
            }
            Self::AltactSigSend { priority, exit, from, to, token } => {
                let kind = match to {
                    AltactTarget::Pid(_) => 0,
                    AltactTarget::Alias(_) => ALTACT_ALIAS,
                    AltactTarget::Name(_) => ALTACT_NAME,
                };
                let flags = kind
                    | flag(*priority, ALTACT_PRIORITY)
                    | flag(*exit, ALTACT_EXIT)
                    | flag(token.is_some(), ALTACT_TOKEN);
                tuple.int(flags).pid(*from);
                match to {
                    AltactTarget::Pid(pid) => tuple.pid(*pid),
                    AltactTarget::Alias(alias) => tuple.reference(alias),
                    AltactTarget::Name(name) => tuple.atom(name),
                };
                tuple.token(token.as_deref());
            }
        }
    }

    /// How many elements the tuple has, the operation included.
    fn elements(&self, raw_reason: bool) -> u8 {
        let inline = |reason: &Reason| u8::from(raw_reason || matches!(reason, Reason::Inline(_)));
        let traced = |token: &Option<Box<Term>>| u8::from(token.is_some());
        let (plain, token, reason) = match self {
            Self::NodeLink => (1, 0, 0),
            Self::Link { .. } | Self::Unlink { .. } | Self::GroupLeader { .. } => (3, 0, 0),
            Self::Send { token, .. } | Self::AliasSend { token, .. } => (3, traced(token), 0),
            Self::Exit { token, reason, .. } | Self::Exit2 { token, reason, .. } => {
                (3, traced(token), inline(reason))
            }
            Self::RegSend { token, .. } | Self::AltactSigSend { token, .. } => (4, traced(token), 0),
            Self::MonitorP { .. }
            | Self::DemonitorP { .. }
            | Self::UnlinkId { .. }
            | Self::UnlinkIdAck { .. } => (4, 0, 0),
            Self::MonitorPExit { reason, .. } => (4, 0, inline(reason)),
            Self::SpawnRequest { token, .. } => (6, traced(token), 0),
            Self::SpawnReply { token, .. } => (5, traced(token), 0),
        };
        [plain, token, reason].into_iter().fold(0, u8::saturating_add)
    }
}

fn flag(set: bool, bit: i64) -> i64 {
    if set { bit } else { 0 }
}

/// Writes an atom, by reference where the peer has it.
fn put_cached(out: &mut Vec<u8>, sent: &mut Option<&mut SentAtoms>, text: &str) {
    match sent.as_mut().and_then(|sent| sent.reference(text)) {
        Some(index) => put_atom_reference(out, index),
        None => put_atom(out, text),
    }
}

fn put_cached_node(out: &mut Vec<u8>, sent: &mut Option<&mut SentAtoms>, node: NodeName) {
    match sent.as_mut().and_then(|sent| sent.reference_to_node(node)) {
        Some(index) => put_atom_reference(out, index),
        None => put_node(out, node),
    }
}

/// Writes the elements of a tuple one after the other.
struct Elements<'a> {
    sent: Option<&'a mut SentAtoms>,
    out: &'a mut Vec<u8>,
}

impl<'a> Elements<'a> {
    fn begin(op: u8, elements: u8, sent: Option<&'a mut SentAtoms>, out: &'a mut Vec<u8>) -> Self {
        put_tuple_header(out, usize::from(elements));
        let mut elements = Self { sent, out };
        elements.int(i64::from(op));
        elements
    }

    fn int(&mut self, value: i64) -> &mut Self {
        put_int(self.out, value);
        self
    }

    fn pid(&mut self, pid: Pid) -> &mut Self {
        let sent = &mut self.sent;
        put_pid_with(self.out, pid, |out, node| put_cached_node(out, sent, node));
        self
    }

    fn atom(&mut self, atom: &Atom) -> &mut Self {
        put_cached(self.out, &mut self.sent, atom.as_str());
        self
    }

    fn reference(&mut self, reference: &Reference) -> &mut Self {
        let sent = &mut self.sent;
        put_reference_with(self.out, reference, |out, node| put_cached_node(out, sent, node));
        self
    }

    fn process(&mut self, process: &Process) -> &mut Self {
        match process {
            Process::Pid(pid) => self.pid(*pid),
            Process::Name(name) => self.atom(name),
        }
    }

    fn term(&mut self, term: &Term) -> &mut Self {
        encode_body(term, self.out);
        self
    }

    fn token(&mut self, token: Option<&Term>) -> &mut Self {
        match token {
            Some(token) => self.term(token),
            None => self,
        }
    }

    fn reason(&mut self, reason: &Reason, raw: Option<&[u8]>) -> &mut Self {
        match (raw, reason) {
            (Some(raw), _) => self.out.extend_from_slice(raw),
            (None, Reason::Inline(reason)) => encode_body(reason, self.out),
            (None, Reason::Payload) => {}
        }
        self
    }
}
