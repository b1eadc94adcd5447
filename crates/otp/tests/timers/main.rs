//! Timers as their users see them: exact times in simulation, and what threads can get wrong.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod big_test;
mod intervals;
mod one_shot;
mod queue;
mod stage;
