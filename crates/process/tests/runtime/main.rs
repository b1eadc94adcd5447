//! What processes can rely on, under several seeded orders and under worker threads.

mod aliases;
mod blocking;
mod exits;
mod fairness;
mod io;
mod limits;
mod mailboxes;
mod monitors;
mod names;
mod overload;
mod own;
mod stage;
mod threads;
mod time;
mod traces;
mod watchdog;
