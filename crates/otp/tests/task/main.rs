//! Tasks as their users see them: the telling cases of Elixir's own tests of `Task` and `Task.Supervisor`, and what is
//! promised beyond them.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod awaiting;
mod dropped;
mod shutdown;
#[expect(dead_code, reason = "shared with the tests of registries")]
mod stage;
mod stream;
mod supervised;
