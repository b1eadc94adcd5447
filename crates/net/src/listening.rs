//! Listening at a TCP port, with room for many who come at once.

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the operating system keeps until they are accepted; whoever comes when it keeps that many has to
/// try again after a second. Linux allows 4,096 at most unless told otherwise.
const BACKLOG: u32 = 4096;

/// Listens at `at`; must be called in a tokio runtime.
pub(crate) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // Connections that have just ended do not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}
