//! The commands, one file each.

pub(crate) mod call;
pub(crate) mod cert;
pub(crate) mod demo;
pub(crate) mod discover;
pub(crate) mod epmd;
pub(crate) mod names;
pub(crate) mod ping;
