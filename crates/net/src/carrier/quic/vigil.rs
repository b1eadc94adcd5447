//! Whether the program at the other end is gone: what to do when, and what is believed.
//!
//! The system says nothing when a program is killed. But a datagram to the port that it had is answered by its machine
//! with "nobody listens here" (ICMP), which a connected socket is told of (`knock.rs`). So each connection knocks every
//! [`KNOCK_INTERVAL`]. That word is easily forged, and some firewalls say it for whatever they do not let through: it ends
//! nothing by itself. The peer is asked for a sign of life, and has twice [`ANSWER_TIME`] for it: where this node has
//! been too busy to hear it in the first, it hears it in the second. A peer that gives it is there, and nothing of the kind
//! is believed on this connection any more. The first knock is at the beginning, when the peer is there for certain, so a
//! firewall of that kind is known before it matters.

use engset_term::Instant;
use std::time::Duration;

/// How long after the last knock the next one is.
const KNOCK_INTERVAL: Duration = Duration::from_secs(1);
/// How long after a knock it is looked for what the system says to it, at least.
const LOOK_TIME: Duration = Duration::from_millis(100);
/// Half of how long a peer may take to give the sign of life that it was asked for, at least.
const ANSWER_TIME: Duration = Duration::from_millis(500);
/// That half is so many times the path's round-trip time, where that is longer.
const ROUND_TRIPS: u32 = 2;

/// Looks after one connection.
#[derive(Debug)]
pub(super) struct Vigil(State);

#[derive(Debug)]
enum State {
    /// Knocks then.
    Resting(Instant),
    /// Has knocked, and looks then for what the system says to it.
    Listening(Instant),
    /// Nobody listens there, says the system. The peer had said so much before, and has to say more by then.
    Doubting { due: Instant, heard: u64, is_last: bool },
    /// It said so of a peer that was there.
    Over,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Nothing until [`Vigil::poll_timeout`].
    Wait,
    /// Send a datagram to the peer's port.
    Knock,
    /// See whether the system says that nobody listens there: [`Vigil::handle_answer`].
    Look,
    /// The connection is to be closed: the peer's program has ended.
    Gone,
}

impl Vigil {
    pub(super) fn new(now: Instant) -> Self {
        Self(State::Resting(now))
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.0 {
            State::Resting(due) | State::Listening(due) | State::Doubting { due, .. } => Some(*due),
            State::Over => None,
        }
    }

    /// The time went on; so much has come from the peer so far, on a path with this round-trip time.
    pub(super) fn handle_timeout(&mut self, now: Instant, heard: u64, round_trip: Duration) -> Duty {
        match self.0 {
            State::Resting(due) if due <= now => {
                self.0 = State::Listening(now.saturating_add(LOOK_TIME.max(round_trip)));
                Duty::Knock
            }
            State::Listening(due) if due <= now => {
                self.0 = State::Resting(now.saturating_add(KNOCK_INTERVAL));
                Duty::Look
            }
            State::Doubting { due, heard: before, is_last } if due <= now => {
                if before == heard && is_last {
                    return Duty::Gone;
                }
                self.0 = if before == heard {
                    let due = now.saturating_add(answer_time(round_trip));
                    State::Doubting { due, heard, is_last: true }
                } else {
                    State::Over
                };
                Duty::Wait
            }
            _ => Duty::Wait,
        }
    }

    /// What the system said after [`Duty::Look`]; whether the peer is to be asked for a sign of life now.
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        is_refused: bool,
        heard: u64,
        round_trip: Duration,
    ) -> bool {
        if is_refused {
            let due = now.saturating_add(answer_time(round_trip));
            self.0 = State::Doubting { due, heard, is_last: false };
        }
        is_refused
    }
}

fn answer_time(round_trip: Duration) -> Duration {
    ANSWER_TIME.max(round_trip.saturating_mul(ROUND_TRIPS))
}

#[cfg(test)]
mod tests {
    use super::{ANSWER_TIME, Duty, KNOCK_INTERVAL, LOOK_TIME, ROUND_TRIPS, Vigil};
    use engset_term::Instant;
    use std::time::Duration;

    const NEAR: Duration = Duration::from_micros(200);

    fn after(time: Duration) -> Instant {
        Instant::ZERO.saturating_add(time)
    }

    /// One that has knocked and listened, of a peer from which 5 has come.
    fn looking() -> (Vigil, Instant) {
        let mut vigil = Vigil::new(Instant::ZERO);
        assert_eq!(vigil.handle_timeout(Instant::ZERO, 5, NEAR), Duty::Knock, "at once");
        assert_eq!(vigil.handle_timeout(Instant::ZERO, 5, NEAR), Duty::Wait);
        let now = after(LOOK_TIME);
        assert_eq!(vigil.poll_timeout(), Some(now));
        assert_eq!(vigil.handle_timeout(now, 5, NEAR), Duty::Look);
        (vigil, now)
    }

    #[test]
    fn where_nothing_is_said_it_knocks_on() {
        let (mut vigil, now) = looking();
        assert!(!vigil.handle_answer(now, false, 5, NEAR));
        let next = now.saturating_add(KNOCK_INTERVAL);
        assert_eq!(vigil.poll_timeout(), Some(next));
        assert_eq!(vigil.handle_timeout(next, 5, NEAR), Duty::Knock);
    }

    #[test]
    fn a_peer_that_is_refused_and_says_nothing_is_gone_at_the_end_of_its_time_and_no_sooner() {
        let (mut vigil, now) = looking();
        assert!(vigil.handle_answer(now, true, 5, NEAR));
        let (half, end) = (now.saturating_add(ANSWER_TIME), now.saturating_add(ANSWER_TIME * 2));
        assert_eq!(vigil.poll_timeout(), Some(half));
        assert_eq!(vigil.handle_timeout(half, 5, NEAR), Duty::Wait);
        assert_eq!(vigil.poll_timeout(), Some(end));
        let sooner = now.saturating_add(ANSWER_TIME * 2 - Duration::from_millis(1));
        assert_eq!(vigil.handle_timeout(sooner, 5, NEAR), Duty::Wait);
        assert_eq!(vigil.handle_timeout(end, 5, NEAR), Duty::Gone);
    }

    /// Nobody is blamed for the time that this node had for nothing.
    #[test]
    fn a_node_that_was_busy_all_the_time_listens_once_more() {
        let (mut vigil, now) = looking();
        assert!(vigil.handle_answer(now, true, 5, NEAR));
        let late = now.saturating_add(ANSWER_TIME * 9);
        assert_eq!(vigil.handle_timeout(late, 5, NEAR), Duty::Wait);
        let end = late.saturating_add(ANSWER_TIME);
        assert_eq!(vigil.poll_timeout(), Some(end));
        assert_eq!(vigil.handle_timeout(end, 6, NEAR), Duty::Wait);
        assert_eq!(vigil.poll_timeout(), None, "it is there");
    }

    /// Forged, or from a firewall: nobody is disconnected by it, then or later.
    #[test]
    fn a_peer_that_gives_a_sign_of_life_is_there_and_the_system_is_not_believed_any_more() {
        let (mut vigil, now) = looking();
        assert!(vigil.handle_answer(now, true, 5, NEAR));
        let end = now.saturating_add(ANSWER_TIME);
        assert_eq!(vigil.handle_timeout(end, 6, NEAR), Duty::Wait);
        assert_eq!(vigil.poll_timeout(), None);
        assert_eq!(vigil.handle_timeout(after(Duration::from_secs(99)), 6, NEAR), Duty::Wait);
    }

    #[test]
    fn a_long_path_gets_its_time() {
        let far = Duration::from_millis(700);
        let mut vigil = Vigil::new(Instant::ZERO);
        assert_eq!(vigil.handle_timeout(Instant::ZERO, 0, far), Duty::Knock);
        assert_eq!(vigil.poll_timeout(), Some(after(far)));
        assert_eq!(vigil.handle_timeout(after(far), 0, far), Duty::Look);
        assert!(vigil.handle_answer(after(far), true, 0, far));
        assert_eq!(vigil.poll_timeout(), Some(after(far * (ROUND_TRIPS + 1))));
    }
}
