//! The rows: what goes between the two programs, how often, and what Engset is to reach.

use super::pair::Pair;

/// One piece of work between two connected programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Row {
    /// Two processes pass a ball back and forth; per round trip.
    PingPong,
    /// One process calls a `gen_server`; per call.
    Call,
    /// Sixty-four processes call a `gen_server` at the same time; per call.
    Calls64,
    /// One process sends tuples of about 100 bytes to another; per message.
    OneWay,
    /// Eight processes do, each to one of its own; per message.
    OneWay8,
    /// One process sends binaries of 64 KiB; per message.
    Copy64K,
    /// One process sends binaries of 1 MiB; per message.
    Copy1M,
    /// One process sends binaries of 64 MiB while another calls a `gen_server`, on and on; the 99th percentile of the
    /// time of a call.
    Latency,
    /// Hidden nodes connect, all of them at once; from the first to the last acknowledged handshake, in all.
    Accept,
    /// The resident memory that each of these connections takes in the program that accepts.
    AcceptMemory,
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    Microseconds,
    Milliseconds,
    ThousandsPerSecond,
    MegabytesPerSecond,
    Kibibytes,
}

/// What is demanded of Engset. Numbers are times or sizes: smaller is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The second pair's number is at least so many times the first one's.
    Times(Pair, f64, Pair),
    /// The pair's number is at most this.
    AtMost(Pair, f64),
}

pub(crate) const CALLERS: u64 = 64;
pub(crate) const SENDERS: u64 = 8;
pub(crate) const CONNECTIONS: u64 = 1_500;
pub(crate) const LARGE_BYTES: usize = 64 << 20;

const CARRIED: [Pair; 7] = [
    Pair::EngsetEngset,
    Pair::BeamBeam,
    Pair::EngsetBeam,
    Pair::BeamEngset,
    Pair::EngsetEngsetTls,
    Pair::BeamBeamTls,
    Pair::EngsetEngsetQuic,
];
const COPIED: [Pair; 6] = [
    Pair::EngsetEngset,
    Pair::BeamBeam,
    Pair::EngsetBeam,
    Pair::BeamEngset,
    Pair::EngsetEngsetQuic,
    Pair::Tcp,
];
const ACCEPTING: [Pair; 2] = [Pair::EngsetEngset, Pair::BeamBeam];

impl Row {
    pub(crate) const ALL: [Self; 10] = [
        Self::PingPong,
        Self::Call,
        Self::Calls64,
        Self::OneWay,
        Self::OneWay8,
        Self::Copy64K,
        Self::Copy1M,
        Self::Latency,
        Self::Accept,
        Self::AcceptMemory,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PingPong => "ping_pong",
            Self::Call => "call",
            Self::Calls64 => "calls_64",
            Self::OneWay => "one_way",
            Self::OneWay8 => "one_way_8",
            Self::Copy64K => "copy_64k",
            Self::Copy1M => "copy_1m",
            Self::Latency => "latency",
            Self::Accept => "accept",
            Self::AcceptMemory => "accept_memory",
        }
    }

    /// How often the work is done in one measurement; a tenth of it before it counts.
    pub(crate) fn ops(self) -> u64 {
        match self {
            Self::PingPong | Self::Call => 20_000,
            Self::Calls64 => 64_000,
            Self::OneWay | Self::OneWay8 => 400_000,
            Self::Copy64K => 8_000,
            Self::Copy1M => 600,
            Self::Latency => 10,
            Self::Accept | Self::AcceptMemory => CONNECTIONS,
        }
    }

    /// The length of the binaries of one-way rows.
    pub(crate) fn payload_bytes(self) -> usize {
        match self {
            Self::Copy64K => 64 << 10,
            Self::Copy1M => 1 << 20,
            Self::Latency => LARGE_BYTES,
            Self::OneWay | Self::OneWay8 => 88,
            Self::PingPong | Self::Call | Self::Calls64 | Self::Accept | Self::AcceptMemory => 0,
        }
    }

    /// Who is measured.
    pub(crate) fn pairs(self) -> &'static [Pair] {
        match self {
            Self::PingPong | Self::Call | Self::Calls64 | Self::OneWay | Self::OneWay8 => &CARRIED,
            Self::Copy64K | Self::Copy1M => &COPIED,
            Self::Latency => &CARRIED,
            Self::Accept | Self::AcceptMemory => &ACCEPTING,
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::PingPong | Self::Call | Self::Latency => Unit::Microseconds,
            Self::Calls64 | Self::OneWay | Self::OneWay8 => Unit::ThousandsPerSecond,
            Self::Copy64K | Self::Copy1M => Unit::MegabytesPerSecond,
            Self::Accept => Unit::Milliseconds,
            Self::AcceptMemory => Unit::Kibibytes,
        }
    }

    /// What Engset is to reach.
    pub(crate) fn goals(self) -> Vec<Goal> {
        use Goal::{AtMost, Times};
        use Pair::{BeamBeam, BeamEngset, EngsetBeam, EngsetEngset, EngsetEngsetTls, Tcp};
        let mixed = [Times(EngsetBeam, 1.0, BeamBeam), Times(BeamEngset, 1.0, BeamBeam)];
        let tls = Times(EngsetEngsetTls, 0.6, EngsetEngset);
        let own: &[Goal] = match self {
            Self::PingPong => &[Times(EngsetEngset, 1.0, BeamBeam), tls],
            Self::Call => &[Times(EngsetEngset, 2.0, BeamBeam), tls],
            Self::Calls64 => &[Times(EngsetEngset, 8.0, BeamBeam), tls],
            Self::OneWay | Self::OneWay8 => &[Times(EngsetEngset, 10.0, BeamBeam), tls],
            Self::Copy64K | Self::Copy1M => {
                &[Times(EngsetEngset, 1.0, BeamBeam), Times(EngsetEngset, 0.8, Tcp)]
            }
            Self::Latency => &[AtMost(EngsetEngset, 2_000_000.0)],
            Self::Accept => return vec![AtMost(EngsetEngset, 500_000_000.0)],
            Self::AcceptMemory => return vec![AtMost(EngsetEngset, 16.0 * 1024.0)],
        };
        own.iter().chain(&mixed).copied().collect()
    }

    /// A measured number (nanoseconds per operation, or bytes) in the row's unit.
    #[expect(clippy::cast_precision_loss, reason = "16 digits are enough for a measurement")]
    pub(crate) fn shown(self, number: f64) -> f64 {
        match self.unit() {
            Unit::Microseconds => number / 1e3,
            Unit::Milliseconds => number / 1e6,
            Unit::ThousandsPerSecond => 1e6 / number,
            Unit::MegabytesPerSecond => self.payload_bytes() as f64 * 1e3 / number,
            Unit::Kibibytes => number / 1024.0,
        }
    }
}

impl Unit {
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::ThousandsPerSecond => "k/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Kibibytes => "KiB",
        }
    }
}
