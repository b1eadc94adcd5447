//! Is the other side still there? Ticks on an idle connection, and giving up on a silent one.

use core::time::Duration;
use engset_term::Instant;

/// How often to tick, and when to give up. Both ends should agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickConfig {
    /// A peer that was silent for so long is taken for dead (at most one tick interval later).
    pub net_ticktime: Duration,
    /// How many ticks go into `net_ticktime`.
    pub net_tickintensity: u32,
}

impl Default for TickConfig {
    /// 60 s in four ticks, as OTP.
    fn default() -> Self {
        Self { net_ticktime: Duration::from_secs(60), net_tickintensity: 4 }
    }
}

impl TickConfig {
    /// The time between two ticks.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let interval =
            self.net_ticktime.checked_div(self.net_tickintensity.max(1)).unwrap_or(self.net_ticktime);
        interval.max(Duration::from_millis(1))
    }
}

/// What to do when a tick interval is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Nothing yet: called early.
    Wait,
    /// Call [`Outgoing::tick_due`](super::Outgoing::tick_due), which ticks if nothing else was written.
    Send,
    /// The peer was silent for the whole `net_ticktime`: the node is down.
    Down,
}

/// The clockwork of one connection.
#[derive(Debug, Clone)]
pub struct Ticker {
    config: TickConfig,
    next: Instant,
    seen: Instant,
    silent_intervals: u32,
}

impl Ticker {
    /// Starts with the connection.
    #[must_use]
    pub fn new(now: Instant, config: TickConfig) -> Self {
        Self { config, next: now.saturating_add(config.interval()), seen: now, silent_intervals: 0 }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// The time went on; `last_received` is when bytes last came from the peer
    /// ([`Incoming::last_received`](super::Incoming::last_received)).
    ///
    /// Late calls count as one interval: a machine that was suspended does not drop its peers on waking.
    pub fn handle_timeout(&mut self, now: Instant, last_received: Instant) -> Tick {
        if now < self.next {
            return Tick::Wait;
        }
        self.next = now.saturating_add(self.config.interval());
        if last_received > self.seen {
            self.seen = last_received;
            self.silent_intervals = 0;
        } else {
            self.silent_intervals = self.silent_intervals.saturating_add(1);
        }
        if self.silent_intervals >= self.config.net_tickintensity.max(1) { Tick::Down } else { Tick::Send }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tick, TickConfig, Ticker};
    use core::time::Duration;
    use engset_term::Instant;

    fn seconds(seconds: u64) -> Instant {
        Instant::ZERO.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_silent_peer_is_down_after_the_ticktime() {
        let mut ticker = Ticker::new(Instant::ZERO, TickConfig::default());
        assert_eq!(ticker.handle_timeout(seconds(14), Instant::ZERO), Tick::Wait);
        for second in [15, 30, 45] {
            assert_eq!(ticker.poll_timeout(), seconds(second));
            assert_eq!(ticker.handle_timeout(seconds(second), Instant::ZERO), Tick::Send);
        }
        assert_eq!(ticker.handle_timeout(seconds(60), Instant::ZERO), Tick::Down);
    }

    #[test]
    fn any_byte_starts_the_count_again() {
        let mut ticker = Ticker::new(Instant::ZERO, TickConfig::default());
        for second in [15, 30, 45] {
            assert_eq!(ticker.handle_timeout(seconds(second), Instant::ZERO), Tick::Send);
        }
        assert_eq!(ticker.handle_timeout(seconds(60), seconds(46)), Tick::Send);
        for second in [75, 90, 105] {
            assert_eq!(ticker.handle_timeout(seconds(second), seconds(46)), Tick::Send);
        }
        assert_eq!(ticker.handle_timeout(seconds(120), seconds(46)), Tick::Down);
    }

    #[test]
    fn waking_late_counts_as_one_interval() {
        let mut ticker = Ticker::new(Instant::ZERO, TickConfig::default());
        assert_eq!(ticker.handle_timeout(seconds(3600), Instant::ZERO), Tick::Send);
        assert_eq!(ticker.poll_timeout(), seconds(3615));
    }

    #[test]
    fn settings_out_of_sense_still_make_progress() {
        let config = TickConfig { net_ticktime: Duration::ZERO, net_tickintensity: 0 };
        let mut ticker = Ticker::new(Instant::ZERO, config);
        assert_eq!(ticker.poll_timeout(), Instant::from_millis(1));
        assert_eq!(ticker.handle_timeout(Instant::from_millis(1), Instant::ZERO), Tick::Down);
        let config = TickConfig { net_ticktime: Duration::from_secs(8), net_tickintensity: 4 };
        assert_eq!(config.interval(), Duration::from_secs(2));
    }
}
