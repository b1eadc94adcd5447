//! Facts about links and monitors of one process, signal by signal.
