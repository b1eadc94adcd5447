//! Scenes with two or three nodes: partitions, restarts, crossing connections, order, limits.

mod connecting;
mod epochs;
mod names;
mod order;

mod partition;
mod restart;
mod stage;
mod watchers;
