//! Models: the files of other crates that have unsafe code or a protocol between threads, built on primitives that try
//! every order in which two or three threads can meet.
//!
//! The files are those that are shipped, included here by their path; only `sync` is another. What they need of their
//! crates beside that is in `stand_ins`. Each test of `models` runs its body once for each order of the steps of its
//! threads, with at most three preemptions, and for each value that a weakly ordered load may return.

#![cfg(test)]
#![expect(dead_code, unreachable_pub, reason = "of the files of other crates, models use a part")]

extern crate self as parking_lot;
extern crate self as tracing;

mod cells;
mod models;
mod stand_ins;
mod sync;

#[path = "../../process/src/alias.rs"]
mod alias;
#[path = "../../process/src/scheduler/bell.rs"]
mod bell;
#[path = "../../process/src/chunks.rs"]
mod chunks;
#[path = "../../process/src/exit.rs"]
pub mod exit;
#[path = "../../process/src/lock.rs"]
mod lock;
#[path = "../../process/src/mailbox.rs"]
mod mailbox;
#[path = "../../process/src/overload.rs"]
mod overload;
#[path = "../../process/src/scheduler/parked.rs"]
mod parked;
#[path = "../../process/src/signal.rs"]
mod signal;
#[path = "../../otp/src/slot.rs"]
mod slot;
#[path = "../../process/src/small_map.rs"]
mod small_map;
#[path = "../../process/src/state.rs"]
mod state;
#[path = "../../process/src/table.rs"]
mod table;
#[path = "../../process/src/task.rs"]
mod task;
#[path = "../../process/src/trace_token.rs"]
mod trace_token;
#[path = "../../process/src/waits.rs"]
mod waits;

use stand_ins::{Mutex, error, process, protocol, scheduler};
