//! The behaviours as their users see them: value in, effects out, in simulated order and with threads.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod callbacks;
mod calls;
mod cycles;
mod dropped;
mod executed;
mod gen_server;
mod memory;
mod node;
mod supervisor;
mod supervisor_model;
mod supervisor_requests;
mod supervisor_stop;
mod terms;
mod worker;
