//! What OTP's own suites test of processes, by the names of their cases.

mod after;
mod erl_link;
mod message_queue_data;
mod monitor;
mod parallel_messages;
mod process;
mod receive;
mod refs;
mod register;
mod signal;
mod stage;
mod table;
mod timer_bif;
