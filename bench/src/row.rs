//! The rows of the table: what is measured and how often.

/// One piece of work, the same in every system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Row {
    /// Two processes pass a ball back and forth; per round trip.
    PingPong,
    /// One process calls a server that adds a number to its sum and answers with it; per call.
    Call,
    /// A process starts, gets one message, answers it and ends, a thousand at a time; per process.
    Spawn,
    /// Processes that have answered once and then wait for ever; per process.
    IdleMemory,
    /// Eight senders send numbers to one process that counts them; per message.
    FanIn,
    /// The external format of a `gen_server` call of about 110 bytes, made from the term.
    EncodeCall,
    /// The external format of a nested term of about 1 KB, made from the term.
    EncodeNested,
    /// The term, made from the bytes of [`EncodeCall`](Self::EncodeCall).
    DecodeCall,
    /// The term, made from the bytes of [`EncodeNested`](Self::EncodeNested).
    DecodeNested,
}

/// What a row's number counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    Nanoseconds,
    Bytes,
}

impl Row {
    pub(crate) const ALL: [Self; 9] = [
        Self::PingPong,
        Self::Call,
        Self::Spawn,
        Self::IdleMemory,
        Self::FanIn,
        Self::EncodeCall,
        Self::EncodeNested,
        Self::DecodeCall,
        Self::DecodeNested,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PingPong => "ping_pong",
            Self::Call => "call",
            Self::Spawn => "spawn",
            Self::IdleMemory => "idle_memory",
            Self::FanIn => "fan_in",
            Self::EncodeCall => "encode_call",
            Self::EncodeNested => "encode_nested",
            Self::DecodeCall => "decode_call",
            Self::DecodeNested => "decode_nested",
        }
    }

    /// How often the work is done in one measurement. A tenth of it comes before, unmeasured,
    /// except in [`IdleMemory`](Self::IdleMemory).
    pub(crate) fn ops(self) -> u64 {
        match self {
            Self::PingPong => 500_000,
            Self::Call => 300_000,
            Self::Spawn => 200_000,
            Self::IdleMemory => 100_000,
            Self::FanIn => 1_000_000,
            Self::EncodeCall | Self::DecodeCall => 1_000_000,
            Self::EncodeNested | Self::DecodeNested => 200_000,
        }
    }

    pub(crate) fn unit(self) -> Unit {
        if self == Self::IdleMemory { Unit::Bytes } else { Unit::Nanoseconds }
    }
}

impl Unit {
    /// As printed by a child and in the results.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns_per_op",
            Self::Bytes => "bytes_per_op",
        }
    }

    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "B",
        }
    }
}
