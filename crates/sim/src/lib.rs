//! A seeded world: real nodes, an in-memory network with faults, virtual time, and checkers of what must hold.
//!
//! A [`World`] runs everything in one thread. The seed decides the order of tasks, latencies, how bytes are cut into
//! pieces, and what [`storm`] does; two runs with the same seed make the same [`World::trace`].

pub mod check;
mod facts;
mod ledger;
mod network;
pub mod storm;
mod world;

pub use facts::Fact;
pub use ledger::{Ledger, Loss, MonitorRecord, Pair, SharedLedger, TrapRecord};
pub use network::{Cut, Unreachable};
pub use world::{RunError, World};
