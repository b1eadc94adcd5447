//! Three benchmarks of the Savina suite: what their actors decide, and how they are measured.
//!
//! Systems bring the messages between the actors; whom to ping, who meets whom and what colour comes of it is here.

use super::{Done, Laps, wait};
use crate::random::Random;
use crate::row::Row;
use crate::workload::{BIG_PLAYERS, CREATURES, FORK_JOIN_CREATE_BATCH, FORK_JOIN_WORKERS};
use std::hint::black_box;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// `play(n)` tells each player to send so many pings, the next one when the pong of the last one came; each reports
/// when its last pong came.
pub(crate) async fn big(play: impl Fn(u64), mut done: UnboundedReceiver<()>) -> f64 {
    const PLAYERS: u64 = BIG_PLAYERS as u64;
    let mut laps = Laps::new(Row::Big);
    while let Some(messages) = laps.next() {
        // Each ping has a pong.
        play(messages / 2 / PLAYERS);
        wait(&mut done, PLAYERS).await;
    }
    laps.ns_per_op()
}

/// `start(n, done)` starts a worker that calls [`compute`] for each message, and reports and ends after `n` of them;
/// `send` sends it one.
pub(crate) async fn fork_join<Started: Future>(
    start: impl Fn(u64, Done) -> Started,
    send: impl Fn(&Started::Output),
) -> f64 {
    let (done, mut finished) = unbounded_channel();
    let mut laps = Laps::new(Row::ForkJoin);
    while let Some(messages) = laps.next() {
        let each = messages / FORK_JOIN_WORKERS;
        let mut workers = Vec::new();
        for _ in 0..FORK_JOIN_WORKERS {
            workers.push(start(each, done.clone()).await);
        }
        for _ in 0..each {
            workers.iter().for_each(&send);
        }
        wait(&mut finished, FORK_JOIN_WORKERS).await;
    }
    laps.ns_per_op()
}

/// Workers as in [`fork_join`], with one message each.
pub(crate) async fn fork_join_create<Started: Future>(
    start: impl Fn(u64, Done) -> Started,
    send: impl Fn(&Started::Output),
) -> f64 {
    let (done, mut finished) = unbounded_channel();
    let mut laps = Laps::new(Row::ForkJoinCreate);
    while let Some(workers) = laps.next() {
        let mut left = workers;
        while left > 0 {
            let batch = left.min(FORK_JOIN_CREATE_BATCH);
            for _ in 0..batch {
                send(&start(1, done.clone()).await);
            }
            wait(&mut finished, batch).await;
            left -= batch;
        }
    }
    laps.ns_per_op()
}

/// `start(n, done)` starts a mall that lets `n` pairs meet, and its creatures; when all creatures have said how often
/// they met, it reports the number of meetings.
pub(crate) async fn chameneos<Started: Future<Output = ()>>(
    start: impl Fn(u64, UnboundedSender<u64>) -> Started,
) -> f64 {
    let (done, mut finished) = unbounded_channel();
    let mut laps = Laps::new(Row::Chameneos);
    while let Some(meetings) = laps.next() {
        start(meetings, done.clone()).await;
        assert_eq!(finished.recv().await, Some(meetings));
    }
    laps.ns_per_op()
}

/// What a worker does for each message, as in Savina.
pub(crate) fn compute() {
    let sine = black_box(37.2_f64).sin();
    black_box(sine * sine);
}

/// What a player of [`big`] knows and decides.
#[derive(Debug)]
pub(crate) struct Pinger {
    place: usize,
    random: Random,
    left: u64,
}

impl Pinger {
    /// The player at `place` among [`BIG_PLAYERS`].
    pub(crate) fn new(place: usize) -> Self {
        Self { place, random: Random::new(place + 1), left: 0 }
    }

    /// Starts a game of so many pings.
    pub(crate) fn play(&mut self, pings: u64) {
        self.left = pings;
    }

    /// The place of the player to ping next, never its own; `None` when all pings are sent.
    pub(crate) fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let other = self.random.below(BIG_PLAYERS - 1);
        Some(if other < self.place { other } else { other + 1 })
    }
}

/// The colour of a creature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Colour {
    Blue,
    Red,
    Yellow,
}

impl Colour {
    /// The colour of the creature at `place` before it meets anybody.
    pub(crate) fn of(place: u64) -> Self {
        match place % 3 {
            0 => Self::Blue,
            1 => Self::Red,
            _ => Self::Yellow,
        }
    }

    /// What both become who meet: what they are if they are equal, or else the third colour.
    fn meet(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Blue, Self::Red) | (Self::Red, Self::Blue) => Self::Yellow,
            (Self::Blue, Self::Yellow) | (Self::Yellow, Self::Blue) => Self::Red,
            _ => Self::Blue,
        }
    }
}

/// A creature of [`chameneos`].
#[derive(Debug)]
pub(crate) struct Creature {
    pub(crate) colour: Colour,
    pub(crate) meetings: u64,
}

impl Creature {
    /// The creature at `place`.
    pub(crate) fn new(place: u64) -> Self {
        Self { colour: Colour::of(place), meetings: 0 }
    }

    /// Meets one of the other colour; both change to the result.
    pub(crate) fn meet(&mut self, other: Colour) -> Colour {
        self.change(self.colour.meet(other));
        self.colour
    }

    /// Is told what came of a meeting.
    pub(crate) fn change(&mut self, colour: Colour) {
        self.colour = colour;
        self.meetings += 1;
    }
}

/// The mall of [`chameneos`], where a creature waits for the next one.
#[derive(Debug)]
pub(crate) struct Mall<Address> {
    waiting: Option<Address>,
    left: u64,
    met: u64,
    creatures: u64,
}

/// What the mall does with a creature that comes.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Visit<Address> {
    /// It waits for another.
    Waits,
    /// It meets the one that waited: that one, and itself.
    Meets(Address, Address),
    /// There have been enough meetings for it.
    Closed(Address),
}

impl<Address> Mall<Address> {
    pub(crate) fn new(meetings: u64) -> Self {
        Self { waiting: None, left: meetings, met: 0, creatures: CREATURES }
    }

    pub(crate) fn visit(&mut self, creature: Address) -> Visit<Address> {
        if self.left == 0 {
            return Visit::Closed(creature);
        }
        match self.waiting.take() {
            Some(waiting) => {
                self.left -= 1;
                Visit::Meets(waiting, creature)
            }
            None => {
                self.waiting = Some(creature);
                Visit::Waits
            }
        }
    }

    /// A creature went home after so many meetings; the number of all meetings when it was the last.
    pub(crate) fn leave(&mut self, meetings: u64) -> Option<u64> {
        self.creatures -= 1;
        self.met += meetings;
        (self.creatures == 0).then_some(self.met / 2)
    }
}

#[cfg(test)]
mod tests;
