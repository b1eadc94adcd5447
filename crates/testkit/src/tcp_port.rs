//! Asks the operating system for a TCP port that nobody uses.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A TCP port at 127.0.0.1 that was free a moment ago.
///
/// # Errors
/// The operating system has none left.
pub fn free_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}
