//! The side of the handshake that was dialled.

use super::error::{HandshakeError, Step};
use super::messages::{
    MessageFault, Name, OLD_VERSION, Status, check_dynamic_host, check_node_name, encode_ack,
    encode_challenge, encode_status, name_to_latin1, parse_alive_answer, parse_complement, parse_name,
    parse_reply,
};
use super::{Established, Framing, LocalNode, Wire};
use crate::flags::Flags;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use engset_term::Instant;

/// What the acceptor tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptorEvent {
    /// Somebody claims this name, without proof yet: call [`Acceptor::decide`].
    Name {
        /// The claimed name, or only the host when `wants_name` is set.
        peer: String,
        /// What the peer can do; of a peer with an old name message only the low half so far.
        flags: Flags,
        /// The peer's incarnation; 0 when it wants a name or the name message was an old one.
        creation: u32,
        /// The peer asks us for a node name: decide with [`Decision::Named`].
        wants_name: bool,
    },
    /// The peer has proven that it knows the cookie.
    ///
    /// Our acknowledgement is still in `poll_transmit`: close an old connection of that name before writing it.
    Established(Established),
}

/// The owner's answer to [`AcceptorEvent::Name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Welcome.
    Ok,
    /// Welcome, and our own attempt to reach that peer is given up.
    OkSimultaneous,
    /// Our own attempt goes on; this one is over once `poll_transmit` is written.
    Nok,
    /// Not welcome; over once `poll_transmit` is written.
    NotAllowed,
    /// There is a live connection of that name already: ask the peer whether this one replaces it.
    Alive,
    /// Welcome under this name and incarnation, for a peer that wants a name.
    Named {
        /// `name@host`, with the host that the peer sent.
        name: String,
        /// Not 0.
        creation: u32,
    },
}

/// The acceptor's state.
#[derive(Debug)]
pub struct Acceptor {
    local: LocalNode,
    local_name: Vec<u8>,
    challenge: u32,
    peer: Option<Peer>,
    step: Step,
    wire: Wire,
    events: VecDeque<AcceptorEvent>,
}

#[derive(Debug)]
struct Peer {
    name: String,
    flags: Flags,
    creation: u32,
    wants_name: bool,
    /// Its name message was an old one, so the rest follows in a complement.
    old: bool,
}

impl Acceptor {
    /// Begins a handshake on an accepted connection; `challenge` is a fresh random number.
    ///
    /// # Errors
    /// When our own name cannot be sent.
    pub fn new(
        now: Instant,
        local: LocalNode,
        challenge: u32,
        framing: Framing,
    ) -> Result<Self, HandshakeError> {
        check_node_name(&local.name).map_err(HandshakeError::BadLocalName)?;
        let local_name = name_to_latin1(&local.name).map_err(HandshakeError::BadLocalName)?;
        Ok(Self {
            local,
            local_name,
            challenge,
            peer: None,
            step: Step::Name,
            wire: Wire::new(now, framing),
            events: VecDeque::new(),
        })
    }

    /// Replaces the deadline, counted from the beginning.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.wire.set_timeout(timeout);
        self
    }

    /// Replaces the cookie, when the claimed name has one of its own. To be called before [`Self::decide`].
    pub fn set_cookie(&mut self, cookie: super::Cookie) {
        self.local.cookie = cookie;
    }

    /// Our challenge while its answer is awaited; our own initiators must not answer it
    /// ([`Initiator::forbid_challenges`](super::Initiator::forbid_challenges)).
    #[must_use]
    pub fn open_challenge(&self) -> Option<u32> {
        matches!(self.step, Step::Complement | Step::Reply).then_some(self.challenge)
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
        self.advance_or_end()
    }

    /// The peer closed the connection. Gives why the handshake failed; `None` when it was over anyway.
    pub fn handle_eof(&mut self) -> Option<HandshakeError> {
        let step = core::mem::replace(&mut self.step, Step::Over);
        (step != Step::Over).then_some(HandshakeError::ClosedByPeer { step })
    }

    /// Answers [`AcceptorEvent::Name`].
    ///
    /// # Errors
    /// When nothing is to be decided, a name is given that was not asked for (or the other way round),
    /// or bytes that came meanwhile are malformed.
    pub fn decide(&mut self, decision: Decision) -> Result<(), HandshakeError> {
        if self.step != Step::Decision {
            return Err(HandshakeError::OutOfOrder { step: self.step });
        }
        let wants_name = self.peer.as_ref().is_some_and(|peer| peer.wants_name);
        match decision {
            Decision::Ok | Decision::OkSimultaneous | Decision::Alive if wants_name => {
                return self.refuse(HandshakeError::NamingMismatch);
            }
            Decision::Named { .. } if !wants_name => return self.refuse(HandshakeError::NamingMismatch),
            Decision::Ok => self.welcome(&Status::Ok),
            Decision::OkSimultaneous => self.welcome(&Status::OkSimultaneous),
            Decision::Nok => {
                self.wire.send(&encode_status(&Status::Nok));
                self.step = Step::Over;
            }
            Decision::NotAllowed => {
                self.wire.send(&encode_status(&Status::NotAllowed));
                self.step = Step::Over;
            }
            Decision::Alive => {
                self.wire.send(&encode_status(&Status::Alive));
                self.step = Step::AliveAnswer;
            }
            Decision::Named { name, creation } => {
                if let Err(fault) = check_node_name(&name) {
                    return self.refuse(HandshakeError::BadPeerName(fault));
                }
                if let Some(peer) = &mut self.peer {
                    if name.split_once('@').map(|(_, host)| host) != Some(peer.name.as_str()) {
                        return self.refuse(HandshakeError::NamingMismatch);
                    }
                    peer.name.clone_from(&name);
                    peer.creation = creation;
                }
                self.welcome(&Status::Named { name, creation });
            }
        }
        self.advance_or_end()
    }

    /// Moves the bytes to write to the end of `out`.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        self.wire.drain_transmit(out);
    }

    /// The next thing the owner should know.
    pub fn poll_event(&mut self) -> Option<AcceptorEvent> {
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

    fn advance_or_end(&mut self) -> Result<(), HandshakeError> {
        let result = self.advance();
        if result.is_err() {
            self.step = Step::Over;
        }
        result
    }

    fn advance(&mut self) -> Result<(), HandshakeError> {
        loop {
            match self.step {
                Step::Over => return Ok(()),
                Step::Decision => return self.wire.check_held(self.step),
                Step::Name
                | Step::AliveAnswer
                | Step::Complement
                | Step::Reply
                | Step::Status
                | Step::Challenge
                | Step::Ack => {}
            }
            let Some(message) = self.wire.next_message(self.step)? else {
                return self.wire.check_held(self.step);
            };
            match self.step {
                Step::Name => self.handle_name(&message)?,
                Step::AliveAnswer => self.handle_alive_answer(&message)?,
                Step::Complement => self.handle_complement(&message)?,
                Step::Reply => self.handle_reply(&message)?,
                Step::Decision | Step::Status | Step::Challenge | Step::Ack | Step::Over => {}
            }
        }
    }

    fn handle_name(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let peer = match parse_name(message).map_err(|fault| self.fault(fault))? {
            Name::New { flags, creation, name } => {
                let wants_name = flags.contains(Flags::NAME_ME);
                Peer { name, flags, creation, wants_name, old: false }
            }
            Name::Old { version, flags, name } => {
                if version != OLD_VERSION || !flags.contains(Flags::HANDSHAKE_23) {
                    return Err(HandshakeError::OldHandshake { version });
                }
                Peer { name, flags, creation: 0, wants_name: false, old: true }
            }
        };
        let check =
            if peer.wants_name { check_dynamic_host(&peer.name) } else { check_node_name(&peer.name) };
        check.map_err(HandshakeError::BadPeerName)?;
        // The high half of an old name message's flags is checked when it has come.
        let required = if peer.old { Flags(Flags::MANDATORY.0 & 0xFFFF_FFFF) } else { Flags::MANDATORY };
        let missing = peer.flags.missing(required);
        if !missing.is_empty() {
            return self.refuse(HandshakeError::MissingFlags(missing));
        }
        self.events.push_back(AcceptorEvent::Name {
            peer: peer.name.clone(),
            flags: peer.flags,
            creation: peer.creation,
            wants_name: peer.wants_name,
        });
        self.peer = Some(peer);
        self.step = Step::Decision;
        Ok(())
    }

    fn handle_alive_answer(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        if !parse_alive_answer(message).map_err(|fault| self.fault(fault))? {
            return Err(HandshakeError::Duplicate);
        }
        self.send_challenge();
        Ok(())
    }

    fn handle_complement(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let (high, creation) = parse_complement(message).map_err(|fault| self.fault(fault))?;
        let peer = self.peer.as_mut().ok_or(HandshakeError::OutOfOrder { step: Step::Complement })?;
        peer.flags = peer.flags | high;
        peer.creation = creation;
        let missing = peer.flags.missing(Flags::MANDATORY);
        if !missing.is_empty() {
            return Err(HandshakeError::MissingFlags(missing));
        }
        self.step = Step::Reply;
        Ok(())
    }

    fn handle_reply(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let (their_challenge, digest) = parse_reply(message).map_err(|fault| self.fault(fault))?;
        let peer = self.peer.take().ok_or(HandshakeError::OutOfOrder { step: self.step })?;
        if their_challenge == self.challenge {
            return Err(HandshakeError::Reflected);
        }
        if digest != self.local.cookie.digest(self.challenge) {
            return Err(HandshakeError::CookieMismatch { peer: peer.name });
        }
        self.wire.send(&encode_ack(self.local.cookie.digest(their_challenge)));
        self.step = Step::Over;
        self.events.push_back(AcceptorEvent::Established(Established {
            peer: peer.name,
            peer_creation: peer.creation,
            peer_flags: peer.flags,
            flags: Flags::negotiate(self.local.flags, peer.flags),
            local: self.local.name.clone(),
            local_creation: self.local.creation,
            leftover: self.wire.take_leftover(),
        }));
        Ok(())
    }

    fn welcome(&mut self, status: &Status) {
        self.wire.send(&encode_status(status));
        self.send_challenge();
    }

    fn send_challenge(&mut self) {
        let flags = self.local.flags_to_send().without(Flags::NAME_ME);
        // A peer that asked for a name looks for its own flag in what both sides have.
        let gets_name = self.peer.as_ref().is_some_and(|peer| peer.wants_name);
        let flags = if gets_name { flags.with(Flags::NAME_ME) } else { flags };
        let (challenge, creation) = (self.challenge, self.local.creation);
        self.wire.send(&encode_challenge(flags, challenge, creation, &self.local_name));
        let old = self.peer.as_ref().is_some_and(|peer| peer.old);
        self.step = if old { Step::Complement } else { Step::Reply };
    }

    /// Tells the peer that it is not welcome, and the owner why.
    fn refuse(&mut self, error: HandshakeError) -> Result<(), HandshakeError> {
        self.wire.send(&encode_status(&Status::NotAllowed));
        self.step = Step::Over;
        Err(error)
    }

    fn fault(&self, fault: MessageFault) -> HandshakeError {
        match fault {
            MessageFault::Malformed => HandshakeError::Malformed { step: self.step },
            MessageFault::Name(fault) => HandshakeError::BadPeerName(fault),
        }
    }
}
