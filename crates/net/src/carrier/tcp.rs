//! Plain TCP: the carrier of every Erlang node unless it is told otherwise.

use super::Carried;
use crate::connect::{ConnectError, Step, within};
use engset_dist::handshake::Framing;
use engset_process::Scheduler;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

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
    // Small signals must not wait for each other's acknowledgements.
    stream.set_nodelay(true)?;
    Ok(Carried::new(stream, Framing::Two, None))
}
