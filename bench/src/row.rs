//! The rows of the table: what is measured, how often, and what Engset is to reach.

use crate::goal::Goal;
use crate::systems::System;
use crate::workload::RESTARTS_BEFORE;

/// One piece of work, the same in every system; its size stands here and in `workload.rs`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Row {
    /// Two processes pass a ball back and forth; per round trip.
    PingPong,
    /// One process calls a server (a `gen_server` where there is one) that adds a number to its sum and answers with
    /// it; per call. Where calls have a time limit unless told otherwise, Engset and the BEAM, they have it here.
    Call,
    /// Eight senders send numbers to one process that counts them; per message.
    FanIn,
    /// A process starts, gets one message, answers it and ends, a thousand at a time; per process.
    Spawn,
    /// A process starts, ends, and the one that started it hears of its end, one at a time; per process.
    SpawnMonitor,
    /// Processes that have answered once and then wait for ever; per process.
    IdleMemory,
    /// Servers with a number as state that have answered one call and then wait for ever; per server.
    IdleServer,
    /// A hundred tokens go round in a ring of a thousand processes; per hop.
    Ring,
    /// Savina's "big": a thousand processes ping others, chosen at random, one after the other, and answer pings
    /// meanwhile; per message, a ping or its pong.
    Big,
    /// Savina's "fork join (throughput)": sixty workers are started, each gets ten thousand messages in turn with the
    /// others, computes a little for each, and ends; per message.
    ForkJoin,
    /// Savina's "fork join (actor creation)": forty thousand workers are started, each gets one message, computes a
    /// little and ends, and all are waited for; per worker.
    ForkJoinCreate,
    /// Savina's "chameneos": a hundred creatures meet in pairs by way of one mall; per meeting.
    Chameneos,
    /// A supervised server is killed and its successor waited for, again and again; per restart. How many came before
    /// matters to the BEAM: see [`RESTARTS_PERIOD_S`](crate::workload::RESTARTS_PERIOD_S).
    Restart,
    /// The same for a thousand restarts, with twenty thousand before them in the supervisor's memory; per restart.
    RestartLate,
    /// A supervisor with a million servers is told to end, and its end waited for; per server.
    StopChildren,
    /// A million timers, due 1 to 500 ms after they are set, each send a message to one process; from the first set to
    /// the last message, in all.
    Timers,
    /// 64 bytes over a TCP connection of this machine to an echoing process and back; per round trip.
    Echo,
    /// The external format of a `gen_server` call of about 110 bytes, made from the term.
    EncodeCall,
    /// The external format of a nested term of about 1 KB, made from the term.
    EncodeNested,
    /// The term, made from the bytes of [`EncodeCall`](Self::EncodeCall).
    DecodeCall,
    /// The term, made from the bytes of [`EncodeNested`](Self::EncodeNested).
    DecodeNested,
    /// Ten million servers as in [`IdleServer`](Self::IdleServer) alive in one node; all resident bytes of the
    /// program, per server. Only where it is asked for by name.
    Live,
}

/// What a row's number counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    Nanoseconds,
    Milliseconds,
    Bytes,
}

/// A row's name, operations in one measurement, unit and goals.
struct Facts {
    name: &'static str,
    ops: u64,
    unit: Unit,
    goals: &'static [Goal],
}

const BEAM: System = System::Beam;
const TOKIO: System = System::Tokio;

impl Row {
    pub(crate) const ALL: [Self; 22] = [
        Self::PingPong,
        Self::Call,
        Self::FanIn,
        Self::Spawn,
        Self::SpawnMonitor,
        Self::IdleMemory,
        Self::IdleServer,
        Self::Ring,
        Self::Big,
        Self::ForkJoin,
        Self::ForkJoinCreate,
        Self::Chameneos,
        Self::Restart,
        Self::RestartLate,
        Self::StopChildren,
        Self::Timers,
        Self::Echo,
        Self::EncodeCall,
        Self::EncodeNested,
        Self::DecodeCall,
        Self::DecodeNested,
        Self::Live,
    ];

    /// The rows that are measured unless others are named.
    pub(crate) fn usual() -> Vec<Self> {
        Self::ALL.into_iter().filter(|row| *row != Self::Live).collect()
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    /// How often the work is done in one measurement; the number is per such operation, except in milliseconds.
    pub(crate) fn ops(self) -> u64 {
        self.facts().ops
    }

    /// How often the work is done before it is measured: a tenth, where nothing else is said.
    pub(crate) fn warm_up(self) -> u64 {
        match self {
            Self::IdleMemory | Self::IdleServer | Self::StopChildren | Self::Live => 0,
            Self::RestartLate => RESTARTS_BEFORE,
            _ => self.ops() / 10,
        }
    }

    pub(crate) fn unit(self) -> Unit {
        self.facts().unit
    }

    /// What Engset is to reach in this row.
    pub(crate) fn goals(self) -> &'static [Goal] {
        self.facts().goals
    }

    fn facts(self) -> Facts {
        use Goal::{AheadOf, AheadOfAll, AtMost, AtMostTimesRow, TimesFaster};
        use Unit::{Bytes, Milliseconds, Nanoseconds};
        let (name, ops, unit, goals): (_, _, _, &[Goal]) = match self {
            Self::PingPong => ("ping_pong", 500_000, Nanoseconds, &[TimesFaster(4.0, BEAM), AheadOf(TOKIO)]),
            Self::Call => ("call", 300_000, Nanoseconds, &[TimesFaster(8.0, BEAM), AheadOf(TOKIO)]),
            Self::FanIn => ("fan_in", 1_000_000, Nanoseconds, &[TimesFaster(5.0, BEAM), AheadOfAll]),
            Self::Spawn => ("spawn", 200_000, Nanoseconds, &[TimesFaster(7.0, BEAM), AheadOf(TOKIO)]),
            Self::SpawnMonitor => ("spawn_monitor", 200_000, Nanoseconds, &[TimesFaster(5.0, BEAM)]),
            Self::IdleMemory => ("idle_memory", 100_000, Bytes, &[]),
            Self::IdleServer => ("idle_server", 100_000, Bytes, &[AtMost(420.0)]),
            Self::Ring => {
                ("ring", 2_000_000, Nanoseconds, &[TimesFaster(6.0, BEAM), TimesFaster(1.0, TOKIO)])
            }
            Self::Big => ("big", 1_000_000, Nanoseconds, &[TimesFaster(4.0, BEAM)]),
            Self::ForkJoin => ("fork_join", 600_000, Nanoseconds, &[TimesFaster(4.0, BEAM)]),
            Self::ForkJoinCreate => ("fork_join_create", 200_000, Nanoseconds, &[TimesFaster(4.0, BEAM)]),
            Self::Chameneos => ("chameneos", 200_000, Nanoseconds, &[TimesFaster(4.0, BEAM)]),
            Self::Restart => ("restart", 20_000, Nanoseconds, &[AtMost(3_000.0)]),
            Self::RestartLate => ("restart_late", 1_000, Nanoseconds, &[AtMostTimesRow(1.25, Self::Restart)]),
            Self::StopChildren => ("stop_children", 1_000_000, Nanoseconds, &[AtMost(2_000.0)]),
            Self::Timers => ("timers", 1_000_000, Milliseconds, &[AtMost(550.0)]),
            // At most 10 % behind.
            Self::Echo => ("echo", 50_000, Nanoseconds, &[TimesFaster(1.0 / 1.1, TOKIO)]),
            Self::EncodeCall => {
                ("encode_call", 1_000_000, Nanoseconds, &[TimesFaster(3.0, BEAM), AheadOfAll])
            }
            Self::EncodeNested => {
                ("encode_nested", 200_000, Nanoseconds, &[TimesFaster(3.0, BEAM), AheadOfAll])
            }
            Self::DecodeCall => {
                ("decode_call", 1_000_000, Nanoseconds, &[TimesFaster(2.0, BEAM), AheadOfAll])
            }
            Self::DecodeNested => {
                ("decode_nested", 200_000, Nanoseconds, &[TimesFaster(2.0, BEAM), AheadOfAll])
            }
            // 5 GB in all.
            Self::Live => ("live", 10_000_000, Bytes, &[AtMost(500.0)]),
        };
        Facts { name, ops, unit, goals }
    }
}

impl Unit {
    /// As printed by a child and in the results.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns_per_op",
            Self::Milliseconds => "ms",
            Self::Bytes => "bytes_per_op",
        }
    }

    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Milliseconds => "ms",
            Self::Bytes => "B",
        }
    }
}
