//! Capability flags of the distribution handshake: what both sides can do, and which of it we insist on.

mod releases;

pub use releases::{RELEASES, Release};

use core::fmt;
use core::ops::{BitAnd, BitOr};

/// A set of capability flags, as the 64-bit word of the handshake.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u64);

impl Flags {
    /// No flag at all.
    pub const NONE: Self = Self(0);
    /// The node is visible (takes part in the mesh). A statement about the sender, not a capability.
    pub const PUBLISHED: Self = Self(1);
    /// Obsolete atom cache.
    pub const ATOM_CACHE: Self = Self(1 << 1);
    /// References of several words.
    pub const EXTENDED_REFERENCES: Self = Self(1 << 2);
    /// Understands monitor signals; without it OTP answers no monitor request.
    pub const DIST_MONITOR: Self = Self(1 << 3);
    /// Old fun tags.
    pub const FUN_TAGS: Self = Self(1 << 4);
    /// Monitors by registered name.
    pub const DIST_MONITOR_NAME: Self = Self(1 << 5);
    /// Obsolete atom cache of hidden nodes.
    pub const HIDDEN_ATOM_CACHE: Self = Self(1 << 6);
    /// Understands `NEW_FUN_EXT`.
    pub const NEW_FUN_TAGS: Self = Self(1 << 7);
    /// Pids and ports with more than 18 bits.
    pub const EXTENDED_PIDS_PORTS: Self = Self(1 << 8);
    /// Understands `EXPORT_EXT`.
    pub const EXPORT_PTR_TAG: Self = Self(1 << 9);
    /// Understands `BIT_BINARY_EXT`.
    pub const BIT_BINARIES: Self = Self(1 << 10);
    /// Understands `NEW_FLOAT_EXT`.
    pub const NEW_FLOATS: Self = Self(1 << 11);
    /// Unicode in the I/O protocol.
    pub const UNICODE_IO: Self = Self(1 << 12);
    /// Distribution headers with an atom cache: the only feature that needs strict order of frames.
    pub const DIST_HDR_ATOM_CACHE: Self = Self(1 << 13);
    /// Understands `SMALL_ATOM_EXT`.
    pub const SMALL_ATOM_TAGS: Self = Self(1 << 14);
    /// Understands UTF-8 atoms.
    pub const UTF8_ATOMS: Self = Self(1 << 16);
    /// Understands `MAP_EXT`.
    pub const MAP_TAG: Self = Self(1 << 17);
    /// Creations of 32 bits.
    pub const BIG_CREATION: Self = Self(1 << 18);
    /// Message signals that name their sender.
    pub const SEND_SENDER: Self = Self(1 << 19);
    /// Any term as a trace token label.
    pub const BIG_SEQTRACE_LABELS: Self = Self(1 << 20);
    /// Exit reasons travel after the control message instead of inside it.
    pub const EXIT_PAYLOAD: Self = Self(1 << 22);
    /// Large messages arrive in fragments.
    pub const FRAGMENTS: Self = Self(1 << 23);
    /// The handshake of OTP 23 (`'N'` messages).
    pub const HANDSHAKE_23: Self = Self(1 << 24);
    /// Unlink signals with an identifier and an acknowledgement.
    pub const UNLINK_ID: Self = Self(1 << 25);
    /// Stands for all flags that OTP 25 made mandatory ([`Self::MANDATORY_25`]).
    ///
    /// It is bit 26; some documents say 36, which is another flag of the runtime's own.
    pub const MANDATORY_25_DIGEST: Self = Self(1 << 26);
    /// Understands spawn requests.
    pub const SPAWN: Self = Self(1 << 32);
    /// A request, not a capability: the dialler wants its node name from the acceptor.
    pub const NAME_ME: Self = Self(1 << 33);
    /// Pids of 32+32 bits, ports of 64 bits, references of up to five words.
    pub const V4_NC: Self = Self(1 << 34);
    /// Aliases as message targets.
    pub const ALIAS: Self = Self(1 << 35);
    /// Signals with alternative actions, such as priority messages (OTP 28).
    pub const ALTACT_SIG: Self = Self(1 << 37);
    /// Native records (OTP 29).
    pub const NATIVE_RECORDS: Self = Self(1 << 38);

    /// What the digest flag stands for: the set that OTP 25 requires.
    pub const MANDATORY_25: Self = Self(0x0107_0F94);

    /// What a peer must have to talk to us: the set that OTP 26 to 29 require.
    pub const MANDATORY: Self = Self(0x4_0307_0F94);

    /// What we offer: what OTP 29 offers by default.
    ///
    /// `PUBLISHED` is added for visible nodes, `NAME_ME` by nodes that want a name.
    /// Spawn requests are offered because a node that offers them may still answer each with an error.
    pub const OURS: Self = Self(0x6D_07DF_7FBC);

    /// Bits with a meaning between two nodes; all others are reserved or private to one runtime.
    pub const KNOWN: Self = Self(0x6F_07DF_7FFF);

    /// Whether all flags of `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no flag.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This set and `other` together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the flags of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Writes out what the digest flag stands for.
    #[must_use]
    pub const fn expand_digest(self) -> Self {
        if self.contains(Self::MANDATORY_25_DIGEST) { self.with(Self::MANDATORY_25) } else { self }
    }

    /// The capabilities both sides have; statements and requests (`PUBLISHED`, `NAME_ME`) are not among them.
    #[must_use]
    pub const fn negotiate(ours: Self, theirs: Self) -> Self {
        let both = ours.expand_digest().0 & theirs.expand_digest().0 & Self::KNOWN.0;
        Self(both).without(Self::PUBLISHED).without(Self::NAME_ME)
    }

    /// The flags of `required` that this set lacks after the digest flag is written out.
    #[must_use]
    pub const fn missing(self, required: Self) -> Self {
        required.without(self.expand_digest())
    }

    /// The names of the flags in this set, lowest bit first; bits without a name are left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitAnd for Flags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Writes the names of the flags, with `+` between them; bits without a name follow as one number.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for name in self.names() {
            write!(f, "{between}{name}")?;
            between = "+";
        }
        let unnamed = self.without(Self::KNOWN);
        if !unnamed.is_empty() || self.is_empty() {
            write!(f, "{between}{:#x}", unnamed.0)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#x}: {self})", self.0)
    }
}

const NAMES: [(Flags, &str); 31] = [
    (Flags::PUBLISHED, "PUBLISHED"),
    (Flags::ATOM_CACHE, "ATOM_CACHE"),
    (Flags::EXTENDED_REFERENCES, "EXTENDED_REFERENCES"),
    (Flags::DIST_MONITOR, "DIST_MONITOR"),
    (Flags::FUN_TAGS, "FUN_TAGS"),
    (Flags::DIST_MONITOR_NAME, "DIST_MONITOR_NAME"),
    (Flags::HIDDEN_ATOM_CACHE, "HIDDEN_ATOM_CACHE"),
    (Flags::NEW_FUN_TAGS, "NEW_FUN_TAGS"),
    (Flags::EXTENDED_PIDS_PORTS, "EXTENDED_PIDS_PORTS"),
    (Flags::EXPORT_PTR_TAG, "EXPORT_PTR_TAG"),
    (Flags::BIT_BINARIES, "BIT_BINARIES"),
    (Flags::NEW_FLOATS, "NEW_FLOATS"),
    (Flags::UNICODE_IO, "UNICODE_IO"),
    (Flags::DIST_HDR_ATOM_CACHE, "DIST_HDR_ATOM_CACHE"),
    (Flags::SMALL_ATOM_TAGS, "SMALL_ATOM_TAGS"),
    (Flags::UTF8_ATOMS, "UTF8_ATOMS"),
    (Flags::MAP_TAG, "MAP_TAG"),
    (Flags::BIG_CREATION, "BIG_CREATION"),
    (Flags::SEND_SENDER, "SEND_SENDER"),
    (Flags::BIG_SEQTRACE_LABELS, "BIG_SEQTRACE_LABELS"),
    (Flags::EXIT_PAYLOAD, "EXIT_PAYLOAD"),
    (Flags::FRAGMENTS, "FRAGMENTS"),
    (Flags::HANDSHAKE_23, "HANDSHAKE_23"),
    (Flags::UNLINK_ID, "UNLINK_ID"),
    (Flags::MANDATORY_25_DIGEST, "MANDATORY_25_DIGEST"),
    (Flags::SPAWN, "SPAWN"),
    (Flags::NAME_ME, "NAME_ME"),
    (Flags::V4_NC, "V4_NC"),
    (Flags::ALIAS, "ALIAS"),
    (Flags::ALTACT_SIG, "ALTACT_SIG"),
    (Flags::NATIVE_RECORDS, "NATIVE_RECORDS"),
];

#[cfg(test)]
mod tests {
    use super::{Flags, NAMES};
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[test]
    fn the_words_are_those_of_otp() {
        assert_eq!(Flags::MANDATORY_25_DIGEST.0, 0x0400_0000);
        assert_eq!(Flags::MANDATORY, Flags::MANDATORY_25 | Flags::UNLINK_ID | Flags::V4_NC);
        assert!(Flags::OURS.contains(Flags::MANDATORY));
    }

    #[test]
    fn every_known_bit_has_one_name() {
        let all = NAMES.iter().fold(Flags::NONE, |all, (flag, _)| {
            assert_eq!(flag.0.count_ones(), 1);
            assert!(!all.intersects(*flag));
            all | *flag
        });
        assert_eq!(all, Flags::KNOWN);
    }

    #[test]
    fn we_never_offer_private_bits() {
        for bit in [15, 21, 27, 28, 29, 30, 31, 36, 63] {
            assert!(!Flags::OURS.intersects(Flags(1 << bit)), "bit {bit}");
            assert!(!Flags::KNOWN.intersects(Flags(1 << bit)), "bit {bit}");
        }
        for unwanted in [Flags::PUBLISHED, Flags::NAME_ME, Flags::ATOM_CACHE] {
            assert!(!Flags::OURS.intersects(unwanted));
        }
    }

    #[test]
    fn the_digest_flag_stands_for_the_set_of_otp_25() {
        let short = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
        assert_eq!(short.missing(Flags::MANDATORY), Flags::NONE);
        assert!(Flags::negotiate(Flags::OURS, short).contains(Flags::MANDATORY));
        assert_eq!(Flags::MANDATORY_25.expand_digest(), Flags::MANDATORY_25);
    }

    #[test]
    fn negotiation_is_what_both_can_do() {
        let theirs = Flags(0xD_07DF_7FBD);
        let both = Flags::negotiate(Flags::OURS.with(Flags::PUBLISHED), theirs);
        assert!(both.contains(Flags::FRAGMENTS) && both.contains(Flags::ALIAS));
        assert!(!both.intersects(Flags::PUBLISHED | Flags::ALTACT_SIG));
        assert_eq!(Flags::negotiate(Flags(u64::MAX), Flags(1 << 36)), Flags::NONE);
    }

    #[test]
    fn missing_flags_are_named() {
        let old = Flags(0x1070F94);
        let missing = old.missing(Flags::MANDATORY);
        assert_eq!(missing.names().collect::<Vec<_>>(), ["UNLINK_ID", "V4_NC"]);
        assert_eq!(missing.to_string(), "UNLINK_ID+V4_NC");
        assert_eq!((missing | Flags(1 << 27)).to_string(), "UNLINK_ID+V4_NC+0x8000000");
        assert_eq!(Flags::NONE.to_string(), "0x0");
    }
}
