//! System messages: hold a process still, look at its state, put another in its place, count, trace.

mod core;
