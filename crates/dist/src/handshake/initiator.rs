//! The side of the handshake that dialled.

use super::error::{HandshakeError, Step};
use super::messages::{
    Challenge, MessageFault, Status, check_dynamic_host, check_node_name, encode_alive_answer, encode_name,
    encode_reply, name_to_latin1, parse_ack, parse_challenge, parse_status,
};
use super::{Established, Framing, LocalNode, Wire};
use crate::flags::Flags;
use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use engset_term::Instant;

/// What the initiator tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitiatorEvent {
    /// The handshake succeeded.
    Established(Established),
    /// The peer dials us at the same time and its attempt goes on: close this one, await the other. No failure.
    WaitForOther,
    /// The peer thinks that we are connected already: call [`Initiator::answer_alive`].
    AskAlive,
}

/// The initiator's state.
#[derive(Debug)]
pub struct Initiator {
    local: LocalNode,
    local_creation: u32,
    peer_name: String,
    our_challenge: u32,
    forbidden_challenges: Vec<u32>,
    peer: Option<Peer>,
    step: Step,
    wire: Wire,
    events: VecDeque<InitiatorEvent>,
}

#[derive(Debug)]
struct Peer {
    flags: Flags,
    creation: u32,
}

impl Initiator {
    /// Begins a handshake with `peer_name` on a fresh connection; `challenge` is a fresh random number.
    ///
    /// # Errors
    /// When our own name cannot be sent, or `peer_name` is none.
    pub fn new(
        now: Instant,
        local: LocalNode,
        peer_name: &str,
        challenge: u32,
        framing: Framing,
    ) -> Result<Self, HandshakeError> {
        let flags = local.flags_to_send();
        let own_name_fault = if flags.contains(Flags::NAME_ME) {
            check_dynamic_host(&local.name)
        } else {
            check_node_name(&local.name)
        };
        own_name_fault.map_err(HandshakeError::BadLocalName)?;
        check_node_name(peer_name).map_err(HandshakeError::BadPeerName)?;
        let name = name_to_latin1(&local.name).map_err(HandshakeError::BadLocalName)?;
        let mut wire = Wire::new(now, framing);
        wire.send(&encode_name(flags, local.creation, &name));
        Ok(Self {
            local_creation: local.creation,
            local,
            peer_name: peer_name.to_owned(),
            our_challenge: challenge,
            forbidden_challenges: Vec::new(),
            peer: None,
            step: Step::Status,
            wire,
            events: VecDeque::new(),
        })
    }

    /// Replaces the deadline, counted from the beginning.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.wire.set_timeout(timeout);
        self
    }

    /// The challenges that acceptors of this node have sent and not had answered.
    ///
    /// A peer that presents one of them as its own wants us to compute a proof that it owes us; it is refused.
    pub fn forbid_challenges(&mut self, challenges: Vec<u32>) {
        self.forbidden_challenges = challenges;
    }

    /// Takes bytes from the peer.
    ///
    /// # Errors
    /// The handshake failed; write what `poll_transmit` still gives, then close.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> Result<(), HandshakeError> {
        if self.step == Step::Over {
            return Err(HandshakeError::OutOfOrder { step: self.step });
        }
        self.handle_timeout(now)?;
        self.wire.received.extend_from_slice(bytes);
        let result = self.advance();
        if result.is_err() {
            self.step = Step::Over;
        }
        result
    }

    /// The peer closed the connection. Gives why the handshake failed; `None` when it was over anyway.
    pub fn handle_eof(&mut self) -> Option<HandshakeError> {
        let step = core::mem::replace(&mut self.step, Step::Over);
        (step != Step::Over).then_some(HandshakeError::ClosedByPeer { step })
    }

    /// Answers [`InitiatorEvent::AskAlive`]: whether this connection replaces the old one.
    ///
    /// With `false` the handshake is over as soon as `poll_transmit` is written.
    ///
    /// # Errors
    /// When nothing was asked, or bytes that came meanwhile are no challenge.
    pub fn answer_alive(&mut self, replace: bool) -> Result<(), HandshakeError> {
        if self.step != Step::AliveAnswer {
            return Err(HandshakeError::OutOfOrder { step: self.step });
        }
        self.wire.send(encode_alive_answer(replace));
        self.step = if replace { Step::Challenge } else { Step::Over };
        let result = self.advance();
        if result.is_err() {
            self.step = Step::Over;
        }
        result
    }

    /// Moves the bytes to write to the end of `out`.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        self.wire.drain_transmit(out);
    }

    /// The next thing the owner should know.
    pub fn poll_event(&mut self) -> Option<InitiatorEvent> {
        self.events.pop_front()
    }

    /// The deadline of the whole handshake, until it is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.step != Step::Over).then_some(self.wire.deadline)
    }

    /// The time went on.
    ///
    /// # Errors
    /// When the deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), HandshakeError> {
        let result = self.wire.check_deadline(now, self.step);
        if result.is_err() {
            self.step = Step::Over;
        }
        result
    }

    /// What is awaited.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    fn advance(&mut self) -> Result<(), HandshakeError> {
        while matches!(self.step, Step::Status | Step::Challenge | Step::Ack) {
            let Some(message) = self.wire.next_message(self.step)? else {
                return self.wire.check_held(self.step);
            };
            match self.step {
                Step::Status => self.handle_status(&message)?,
                Step::Challenge => self.handle_challenge(&message)?,
                Step::Ack => self.handle_ack(&message)?,
                Step::Name
                | Step::Decision
                | Step::AliveAnswer
                | Step::Complement
                | Step::Reply
                | Step::Over => {}
            }
        }
        match self.step {
            Step::AliveAnswer => self.wire.check_held(self.step),
            Step::Over
            | Step::Status
            | Step::Challenge
            | Step::Ack
            | Step::Name
            | Step::Decision
            | Step::Complement
            | Step::Reply => Ok(()),
        }
    }

    fn handle_status(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let wants_name = self.local.flags.contains(Flags::NAME_ME);
        let status = parse_status(message).map_err(|fault| self.fault(fault))?;
        match status {
            Status::Ok | Status::OkSimultaneous if wants_name => return Err(HandshakeError::NamingMismatch),
            Status::Ok | Status::OkSimultaneous => self.step = Step::Challenge,
            Status::Nok => {
                self.events.push_back(InitiatorEvent::WaitForOther);
                self.step = Step::Over;
            }
            Status::NotAllowed => return Err(HandshakeError::NotAllowed),
            Status::Alive => {
                self.events.push_back(InitiatorEvent::AskAlive);
                self.step = Step::AliveAnswer;
            }
            Status::Named { .. } if !wants_name => return Err(HandshakeError::NamingMismatch),
            Status::Named { name, creation } => {
                check_node_name(&name).map_err(HandshakeError::BadLocalName)?;
                if name.split_once('@').map(|(_, host)| host) != Some(self.local.name.as_str()) {
                    return Err(HandshakeError::NamingMismatch);
                }
                self.local.name = name;
                self.local_creation = creation;
                self.step = Step::Challenge;
            }
        }
        Ok(())
    }

    fn handle_challenge(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let (flags, challenge, creation, name) =
            match parse_challenge(message).map_err(|fault| self.fault(fault))? {
                Challenge::New { flags, challenge, creation, name } => (flags, challenge, creation, name),
                Challenge::Old { version } => return Err(HandshakeError::OldHandshake { version }),
            };
        check_node_name(&name).map_err(HandshakeError::BadPeerName)?;
        if name != self.peer_name {
            return Err(HandshakeError::NameMismatch { expected: self.peer_name.clone(), got: name });
        }
        let missing = flags.missing(Flags::MANDATORY);
        if !missing.is_empty() {
            return Err(HandshakeError::MissingFlags(missing));
        }
        if challenge == self.our_challenge || self.forbidden_challenges.contains(&challenge) {
            return Err(HandshakeError::Reflected);
        }
        self.peer = Some(Peer { flags, creation });
        self.wire.send(&encode_reply(self.our_challenge, self.local.cookie.digest(challenge)));
        self.step = Step::Ack;
        Ok(())
    }

    fn handle_ack(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let digest = parse_ack(message).map_err(|fault| self.fault(fault))?;
        if digest != self.local.cookie.digest(self.our_challenge) {
            return Err(HandshakeError::CookieMismatch { peer: self.peer_name.clone() });
        }
        let peer = self.peer.take().ok_or(HandshakeError::OutOfOrder { step: self.step })?;
        self.step = Step::Over;
        self.events.push_back(InitiatorEvent::Established(Established {
            peer: self.peer_name.clone(),
            peer_creation: peer.creation,
            peer_flags: peer.flags,
            flags: Flags::negotiate(self.local.flags, peer.flags),
            local: self.local.name.clone(),
            local_creation: self.local_creation,
            leftover: self.wire.take_leftover(),
        }));
        Ok(())
    }

    fn fault(&self, fault: MessageFault) -> HandshakeError {
        match fault {
            MessageFault::Malformed => HandshakeError::Malformed { step: self.step },
            MessageFault::Name(fault) => HandshakeError::BadPeerName(fault),
        }
    }
}
