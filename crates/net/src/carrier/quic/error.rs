//! What is wrong with a QUIC connection: whether the peer said no or was not reached, and the words of TLS for it.

use crate::carrier::{TlsError, TlsFault};
use quinn::{ConnectionError, ReadError, TransportErrorCode, WriteError};
use std::io;

/// No QUIC connection came about.
#[derive(Debug)]
pub(super) enum Refused {
    /// One of the sides does not take the other's certificate: no other carrier would help.
    ByPeer(TlsError),
    /// Nobody answered, or in another protocol.
    NotReached(io::Error),
}

impl From<ConnectionError> for Refused {
    fn from(error: ConnectionError) -> Self {
        let error = of_connection(error);
        match error.fault {
            TlsFault::NothingInCommon | TlsFault::Other | TlsFault::ClosedByPeer => {
                Self::NotReached(io::Error::other(error.error))
            }
            _ => Self::ByPeer(error),
        }
    }
}

/// A connection could not even be begun.
pub(super) fn of_dialling(error: quinn::ConnectError) -> Refused {
    Refused::NotReached(io::Error::other(error))
}

/// Why a connection failed, in the words of TLS.
pub(super) fn of_connection(error: ConnectionError) -> TlsError {
    match &error {
        ConnectionError::TransportError(ours) => match alert(ours.code) {
            Some(alert) => TlsError::of_our_alert(alert, io::Error::other(error)),
            None => TlsError::new(TlsFault::Other, error.into()),
        },
        ConnectionError::ConnectionClosed(theirs) => match alert(theirs.error_code) {
            Some(alert) => TlsError::of_peers_alert(alert, io::Error::other(error)),
            None => TlsError::new(TlsFault::Other, error.into()),
        },
        ConnectionError::ApplicationClosed(_) => TlsError::new(TlsFault::ClosedByPeer, error.into()),
        _ => TlsError::new(TlsFault::Other, error.into()),
    }
}

/// How a stream that was in use ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The peer closed the connection.
    ByPeer,
    /// It failed, or the peer broke what both have agreed to.
    Failed(io::Error),
}

impl Ended {
    /// Reading by tokio's trait gave this error.
    pub(super) fn of_reading(error: io::Error) -> Self {
        let read = error.get_ref().and_then(|inner| inner.downcast_ref::<ReadError>()).cloned();
        read.map_or(Self::Failed(error), Self::of_read)
    }

    /// Reading gave this error.
    pub(super) fn of_read(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(error) => Self::of_connection(error),
            ReadError::Reset(_) => Self::Failed(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the peer reset a stream, and signals on it are lost",
            )),
            error => Self::Failed(error.into()),
        }
    }

    /// Writing gave this error.
    pub(super) fn of_write(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(error) => Self::of_connection(error),
            // It does so when it is done with the connection.
            WriteError::Stopped(_) => Self::ByPeer,
            error => Self::Failed(error.into()),
        }
    }

    /// The connection has this error.
    pub(super) fn of_connection(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(_) => Self::ByPeer,
            ConnectionError::TransportError(_) | ConnectionError::ConnectionClosed(_) => {
                let kind = io::ErrorKind::ConnectionAborted;
                let error = of_connection(error);
                let is_tls = error.fault != TlsFault::Other;
                Self::Failed(if is_tls {
                    io::Error::new(kind, error)
                } else {
                    io::Error::new(kind, error.error)
                })
            }
            ConnectionError::Reset => Self::Failed(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the peer knows nothing of the connection: its program has ended and was started anew",
            )),
            // The kind by which silence is told from other faults.
            ConnectionError::TimedOut => Self::Failed(io::Error::new(
                io::ErrorKind::TimedOut,
                "nothing came from the peer for the time between two ticks; look at whether its machine is up, and whether UDP gets through",
            )),
            error => Self::Failed(error.into()),
        }
    }
}

/// The alert of TLS that an error of QUIC stands for, if it does for one.
fn alert(code: TransportErrorCode) -> Option<u8> {
    let code = u64::from(code);
    (0x100..0x200).contains(&code).then(|| u8::try_from(code & 0xFF).unwrap_or_default())
}
