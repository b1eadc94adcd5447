//! Pure: the time-outs of one state machine, and which of them is delivered next.

use engset_term::Instant;
use std::time::Duration;

/// When a time-out is due: after a while, or at an instant of the node's clock.
///
/// ```
/// use engset_otp::gen_statem::When;
/// use engset_term::Instant;
/// use std::time::Duration;
///
/// assert_eq!(When::from(Duration::from_secs(1)), When::After(Duration::from_secs(1)));
/// assert_eq!(When::from(Instant::from_millis(5)), When::At(Instant::from_millis(5)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This long after the step that sets it. Zero is not a time: the time-out is delivered before anything that the
    /// machine has not received yet, and after the events that it has queued.
    After(Duration),
    /// At this instant, by [`engset_process::Scheduler::now`]; at once where it has passed.
    At(Instant),
}

impl From<Duration> for When {
    fn from(after: Duration) -> Self {
        Self::After(after)
    }
}

impl From<Instant> for When {
    fn from(at: Instant) -> Self {
        Self::At(at)
    }
}

/// Which time-out is meant; there is at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<N> {
    /// The one that any event cancels.
    Event,
    /// The one that a change of state cancels.
    State,
    /// One that only the machine cancels.
    Named(N),
}

/// What a step does to a time-out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setting<E, N> {
    /// Starts it, in place of one that runs.
    Start(Key<N>, When, E),
    /// Gives it another event, and leaves it in its place; where none runs, starts it with zero.
    Update(Key<N>, E),
    /// Cancels it.
    Cancel(Key<N>),
}

impl<E, N> Setting<E, N> {
    const fn key(&self) -> &Key<N> {
        match self {
            Self::Start(key, ..) | Self::Update(key, _) | Self::Cancel(key) => key,
        }
    }
}

/// The time-outs that run.
#[derive(Debug)]
pub(super) struct Timeouts<E, N> {
    /// In the order in which they were started.
    running: Vec<Timeout<E, N>>,
    max: usize,
}

#[derive(Debug)]
struct Timeout<E, N> {
    key: Key<N>,
    /// `None` for zero.
    due: Option<Instant>,
    event: E,
}

/// No more time-outs may run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<E, N: PartialEq> Timeouts<E, N> {
    pub(super) fn new(max: usize) -> Self {
        Self { running: Vec::new(), max }
    }

    /// Does what one step says. Of several settings of one time-out only the last counts, as in OTP.
    pub(super) fn set(&mut self, now: Instant, mut settings: Vec<Setting<E, N>>) -> Result<(), Full> {
        let mut place = 0;
        while place < settings.len() {
            let (this, later) = settings[place..].split_at(1);
            if later.iter().any(|later| later.key() == this[0].key()) {
                settings.remove(place);
            } else {
                place += 1;
            }
        }
        settings.into_iter().try_for_each(|setting| self.set_one(now, setting))
    }

    pub(super) fn cancel(&mut self, key: &Key<N>) {
        if let Some(place) = self.place(key) {
            self.running.remove(place);
        }
    }

    /// The event of the zero time-out that was set first.
    pub(super) fn take_zero(&mut self) -> Option<E> {
        let place = self.running.iter().position(|timeout| timeout.due.is_none())?;
        Some(self.running.remove(place).event)
    }

    /// When the next one is due that is not zero.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.running.iter().filter_map(|timeout| timeout.due).min()
    }

    /// The event of the one that is due first; of several, the one that was started first.
    pub(super) fn take_next(&mut self) -> Option<E> {
        let due = self.next_due()?;
        let place = self.running.iter().position(|timeout| timeout.due == Some(due))?;
        Some(self.running.remove(place).event)
    }

    pub(super) fn shrink(&mut self) {
        self.running.shrink_to_fit();
    }

    fn set_one(&mut self, now: Instant, setting: Setting<E, N>) -> Result<(), Full> {
        match setting {
            Setting::Start(key, When::After(Duration::ZERO), event) => self.start(key, None, event),
            Setting::Start(key, When::After(after), event) => {
                self.start(key, Some(now.saturating_add(after)), event)
            }
            Setting::Start(key, When::At(at), event) => self.start(key, Some(at), event),
            Setting::Update(key, event) => match self.place(&key) {
                Some(place) => {
                    self.running[place].event = event;
                    Ok(())
                }
                None => self.start(key, None, event),
            },
            Setting::Cancel(key) => {
                self.cancel(&key);
                Ok(())
            }
        }
    }

    fn start(&mut self, key: Key<N>, due: Option<Instant>, event: E) -> Result<(), Full> {
        self.cancel(&key);
        if self.running.len() >= self.max {
            return Err(Full);
        }
        self.running.push(Timeout { key, due, event });
        Ok(())
    }

    fn place(&self, key: &Key<N>) -> Option<usize> {
        self.running.iter().position(|timeout| timeout.key == *key)
    }
}
