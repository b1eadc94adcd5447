//! Why a node could not be started, or a cookie not be set.

use crate::carrier::TlsError;
use crate::connect::ConnectError;
use engset_dist::handshake::CookieError;
use engset_node::{NameForgotten, PeerCookieError, TooManyEntries};
use engset_term::NodeNameError;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// A node could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartNodeError {
    /// The name is not `name@host`.
    Name(NodeNameError),
    /// A node with a name needs a cookie.
    NoCookie,
    /// The cookie cannot be used.
    Cookie(CookieError),
    /// The host part of the name has no address; without [`NodeBuilder::listen`](crate::NodeBuilder::listen) one is needed.
    Host(ConnectError),
    /// The host part of the name stands for an address that is not the loopback, and [`NodeBuilder::listen`](crate::NodeBuilder::listen) was not
    /// given: nobody could reach the node by its name.
    NotLoopback {
        /// The part after the `@`.
        host: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// The node's certificate is not for its name, so no peer would take it.
    Certificate(TlsError),
    /// QUIC cannot be used as the node is set up.
    Quic(io::Error),
    /// The directory of the socket files cannot be used.
    SocketDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// The operating system refused threads, random numbers or the listening socket.
    System(io::Error),
    /// EPMD refused the name, or could neither be reached nor replaced.
    Epmd(ConnectError),
    /// The node's own processes did not start.
    Kernel(String),
}

impl fmt::Display for StartNodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => write!(f, "the node's name cannot be used: {error}"),
            Self::NoCookie => {
                f.write_str("a node with a name needs a cookie, the secret that it shares with its peers")
            }
            Self::Cookie(error) => write!(f, "the cookie cannot be used: {error}"),
            Self::Host(error) => write!(f, "it is not known where the node is to listen: {error}"),
            Self::NotLoopback { host, address } => write!(
                f,
                "the name's host {host} stands for {address}, but a node listens on the loopback only unless it is told to listen at that address; tell it, or give a name at 127.0.0.1 or localhost"
            ),
            Self::Certificate(error) => write!(
                f,
                "the node's own certificate is not for its name ({}); make one by `engset cert init`",
                error.error
            ),
            Self::Quic(error) => write!(f, "the node cannot use QUIC: {error}"),
            Self::SocketDir { path, error } => {
                write!(f, "no socket file in {}: {error}", path.display())
            }
            Self::System(error) => write!(f, "the operating system refused what the node needs: {error}"),
            Self::Epmd(error) => write!(f, "the node's name could not be registered: {error}"),
            Self::Kernel(error) => write!(f, "the node's own processes did not start: {error}"),
        }
    }
}

impl Error for StartNodeError {}

/// A cookie was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetCookieError {
    /// The cookie cannot be used.
    Cookie(CookieError),
    /// Too many peers have a cookie of their own.
    TooMany(TooManyEntries),
    /// Which peer is meant is not known any more.
    Forgotten(NameForgotten),
}

impl From<PeerCookieError> for SetCookieError {
    fn from(error: PeerCookieError) -> Self {
        match error {
            PeerCookieError::TooMany(error) => Self::TooMany(error),
            PeerCookieError::Forgotten(error) => Self::Forgotten(error),
        }
    }
}

impl fmt::Display for SetCookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(error) => write!(f, "the cookie cannot be used: {error}"),
            Self::TooMany(error) => write!(f, "no more peers can have a cookie of their own: {error}"),
            Self::Forgotten(error) => write!(f, "the peer was given no cookie of its own: {error}"),
        }
    }
}

impl Error for SetCookieError {}
