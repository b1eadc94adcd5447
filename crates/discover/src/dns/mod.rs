//! DNS without sockets: questions, answers, and the resolver's configuration.

mod message;
mod resolv_conf;

pub(crate) use message::{Answer, Kind, Problem, Record, question, read};
pub(crate) use resolv_conf::ResolvConf;
