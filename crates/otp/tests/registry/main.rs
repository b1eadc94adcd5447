//! Registries as their users see them: the telling cases of Elixir's own tests of `Registry`, and what is promised
//! beyond them.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod ends;
mod entries;
mod limits;
mod listeners;
mod nosy;
#[expect(dead_code, reason = "shared with the tests of tasks")]
#[path = "../task/stage.rs"]
mod stage;
mod targets;
mod workers;
