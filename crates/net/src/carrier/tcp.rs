//! Plain TCP: the carrier of every Erlang node unless it is told otherwise.

use super::Carried;
use crate::connect::{ConnectError, Step, within};
use engset_dist::handshake::Framing;
use engset_process::Scheduler;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// So much that cannot leave yet is given to the operating system, in bytes (`TCP_NOTSENT_LOWAT`).
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES: u32 = 256 * 1024;

/// Connects to where the peer listens: the first of these addresses that answers.
pub(super) async fn dial(
    scheduler: &Scheduler,
    addresses: &[SocketAddr],
) -> Result<(SocketAddr, TcpStream), ConnectError> {
    let mut first_error = None;
    for at in addresses.iter().copied() {
        let tried = within(scheduler, Step::Tcp, Some(at), TcpStream::connect(at)).await;
        match tried {
            Ok(Ok(stream)) => return Ok((at, stream)),
            Ok(Err(error)) => {
                let error = Arc::new(error);
                first_error.get_or_insert(ConnectError::Tcp { at, error });
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or(ConnectError::Timeout { step: Step::Tcp, at: None }))
}

/// The stream, ready for the handshake.
pub(super) fn carried(stream: TcpStream) -> io::Result<Carried> {
    prepare(&stream)?;
    Ok(Carried::new(stream, Framing::Two, None))
}

/// Sets what the signals of a node want of TCP.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Small signals must not wait for each other's acknowledgements.
    stream.set_nodelay(true)?;
    // Nor behind the megabytes that the operating system would take of a large one: its fragments are ours to order
    // until they can leave.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
}
