//! The size of each row's work, stated once for all systems; the BEAM gets it as arguments.

/// Workers of every system that lets one choose.
pub(crate) const WORKERS: usize = 2;

/// How many processes exist at once in [`Row::Spawn`](crate::row::Row::Spawn).
pub(crate) const SPAWN_BATCH: u64 = 1_000;

/// How many senders there are in [`Row::FanIn`](crate::row::Row::FanIn).
pub(crate) const FAN_IN_SENDERS: u64 = 8;

/// How many processes form the ring in [`Row::Ring`](crate::row::Row::Ring).
pub(crate) const RING_PROCESSES: usize = 1_000;

/// How many tokens go round in the ring at the same time, each starting at another place.
pub(crate) const RING_TOKENS: usize = 100;

/// How many players there are in [`Row::Big`](crate::row::Row::Big).
pub(crate) const BIG_PLAYERS: usize = 1_000;

/// How many workers there are in [`Row::ForkJoin`](crate::row::Row::ForkJoin).
pub(crate) const FORK_JOIN_WORKERS: u64 = 60;

/// How many workers exist at once in [`Row::ForkJoinCreate`](crate::row::Row::ForkJoinCreate).
pub(crate) const FORK_JOIN_CREATE_BATCH: u64 = 40_000;

/// How many creatures there are in [`Row::Chameneos`](crate::row::Row::Chameneos).
pub(crate) const CREATURES: u64 = 100;

/// How many restarts the supervisors of [`Row::Restart`](crate::row::Row::Restart) allow, within
/// [`RESTARTS_PERIOD_S`]: more than there are, so that the limit is counted but never met.
pub(crate) const RESTARTS_MAX: usize = 1_000_000;

/// The period of [`RESTARTS_MAX`] in seconds: longer than the measurement, so that no restart is forgotten. OTP's
/// supervisor goes through all restarts of the period at each restart, so it is slower the more there were.
pub(crate) const RESTARTS_PERIOD_S: u64 = 3_600;

/// How many restarts come before the measured ones of [`Row::RestartLate`](crate::row::Row::RestartLate).
pub(crate) const RESTARTS_BEFORE: u64 = 20_000;

/// The timers of [`Row::Timers`](crate::row::Row::Timers) are due after 1, 2, … up to this many milliseconds, and
/// again from 1.
pub(crate) const TIMERS_LAST_MS: u64 = 500;

/// What goes back and forth in [`Row::Echo`](crate::row::Row::Echo).
pub(crate) const ECHO_BYTES: usize = 64;

/// All sizes under the names that the modules of the BEAM know them by.
pub(crate) const NAMED: [(&str, u64); 13] = [
    ("workers", WORKERS as u64),
    ("spawn_batch", SPAWN_BATCH),
    ("senders", FAN_IN_SENDERS),
    ("ring_processes", RING_PROCESSES as u64),
    ("ring_tokens", RING_TOKENS as u64),
    ("players", BIG_PLAYERS as u64),
    ("forked", FORK_JOIN_WORKERS),
    ("fork_batch", FORK_JOIN_CREATE_BATCH),
    ("creatures", CREATURES),
    ("restarts_max", RESTARTS_MAX as u64),
    ("restarts_period", RESTARTS_PERIOD_S),
    ("timers_last", TIMERS_LAST_MS),
    ("echo_bytes", ECHO_BYTES as u64),
];
