//! What processes can rely on, under several seeded orders and under worker threads.

mod exits;
mod io;
mod limits;
mod mailboxes;
mod monitors;
mod names;
mod stage;
mod threads;
mod time;
