//! TLS over TCP, as `-proto_dist inet_tls` speaks it: both sides show a certificate, and lengths in the handshake of the
//! nodes have four bytes.
//!
//! The dialler looks whether the other's certificate is for the host that it dials, and for the node where the
//! certificate names nodes. The acceptor can look at the name only when the handshake gives it: [`super::Carried::names`].

mod config;
#[cfg(feature = "quic")]
mod derived;
mod error;
mod identity;

pub use config::{PEM_FILE_BYTES_MAX, TlsConfig, TlsConfigError, TlsVersion};
pub use error::{TlsError, TlsFault};
pub use identity::NODE_URI_SCHEME;

#[cfg(feature = "quic")]
pub(super) use derived::DerivedKey;
#[cfg(feature = "quic")]
pub(super) use identity::Identity as PeerIdentity;

use super::{Carried, tcp};
use engset_dist::handshake::Framing;
use engset_node::NameCheck;
use engset_term::NodeName;
use identity::Identity;
use rustls::pki_types::CertificateDer;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Makes TLS of a connection that this node has opened.
pub(super) async fn connect(
    config: &TlsConfig,
    stream: TcpStream,
    peer: NodeName,
) -> Result<Carried, TlsError> {
    tcp::prepare(&stream)?;
    let host = identity::host(&peer.host_part())?;
    let secured = TlsConnector::from(config.client()).connect(host, stream).await?;
    let identity = Identity::of(secured.get_ref().1.peer_certificates())?;
    identity.check_nodes(&peer.text())?;
    // Whoever answers must be the node that was dialled, which the handshake looks at.
    Ok(Carried::new(Errors(secured), Framing::Four, None))
}

/// Makes TLS of a connection that a peer has opened.
pub(super) async fn accept(config: &TlsConfig, stream: TcpStream) -> Result<Carried, TlsError> {
    tcp::prepare(&stream)?;
    let secured = TlsAcceptor::from(config.server()).accept(stream).await?;
    let identity = Identity::of(secured.get_ref().1.peer_certificates())?;
    let names = NameCheck::new(move |name| identity.check(name).map_err(|error| Arc::new(error) as _));
    Ok(Carried::new(Errors(secured), Framing::Four, Some(names)))
}

/// Looks whether the certificate is for the node `name`, as its peers will.
fn check_own(chain: &[CertificateDer<'_>], name: NodeName) -> Result<(), TlsError> {
    Identity::of(Some(chain))?.check(&name.text())
}

/// A TLS stream whose errors say what to do.
struct Errors<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Errors<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(task, buffer) {
            // Without farewell, as over TCP: frames have lengths, so nothing that was cut off is taken for whole.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => read.map_err(explained),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Errors<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, bytes).map_err(explained)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(task, slices).map_err(explained)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task).map_err(explained)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task).map_err(explained)
    }
}

/// An error of TLS in words; others stay as they are.
fn explained(error: io::Error) -> io::Error {
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    if is_tls { io::Error::new(error.kind(), TlsError::from(error)) } else { error }
}
