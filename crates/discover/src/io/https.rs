//! One GET over HTTPS, with a certificate authority of its own and a token; its answer whole, or as it comes.

use http_body_util::Empty;
use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest answer, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Whom to ask.
pub(crate) struct Server<'a> {
    pub(crate) host: &'a str,
    pub(crate) tcp_port: u16,
    /// The certificates that may have signed the server's, as PEM.
    pub(crate) authorities: &'a [u8],
    pub(crate) token: &'a str,
}

/// An answer whose body is still to come. Dropping it closes the connection.
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Incoming,
    /// Does the work that the body waits for.
    connection: Driver,
    from: String,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Asks, and waits for the answer's head; the error says at which step it failed, and never the token.
pub(crate) async fn get(server: &Server<'_>, path: &str) -> Result<Answer, String> {
    let Server { host, tcp_port, .. } = *server;
    let tls = TlsConnector::from(Arc::new(trust(server.authorities)?));
    let tcp = TcpStream::connect((host, tcp_port)).await.map_err(|error| {
        format!(
            "{host}:{tcp_port} cannot be connected to: {error}; check the address of the API and the network"
        )
    })?;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|error| format!("{host} is no host: {error}"))?;
    let stream = tls.connect(name, tcp).await.map_err(|error| {
        format!(
            "{host}:{tcp_port} is not trusted, or speaks no TLS: {error}; check the file of its authority"
        )
    })?;
    let from = format!("{host}:{tcp_port}");
    let broken = |error: hyper::Error| format!("{from} broke off: {error}; look at the API server");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = Request::get(path)
        .header("host", authority(host, tcp_port))
        .header("authorization", format!("Bearer {}", server.token))
        .header("accept", "application/json")
        .header("user-agent", "engset")
        .body(Empty::<Bytes>::new())
        .map_err(|_error| {
            "the token or the namespace has characters that HTTP does not allow; look at the files".to_owned()
        })?;
    let mut connection: Driver = Box::pin(async {
        // How it ends is told to whoever waits for an answer.
        drop(connection.await);
        std::future::pending::<()>().await;
    });
    let answer = tokio::select! {
        answer = sender.send_request(request) => answer.map_err(broken)?,
        () = &mut connection => return Err(format!("{from} broke off; look at the API server")),
    };
    Ok(Answer { status: answer.status().as_u16(), body: answer.into_body(), connection, from })
}

impl Answer {
    /// The whole body; none where it has more than [`ANSWER_BYTES_MAX`], which may be known before it comes.
    pub(crate) async fn whole(mut self) -> Result<Option<Vec<u8>>, String> {
        if self.body.size_hint().lower() > ANSWER_BYTES_MAX as u64 {
            return Ok(None);
        }
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if whole.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
                return Ok(None);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Some(whole))
    }

    /// The next piece of the body; `None` at its end. May be dropped and called again.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, String> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// The next piece, where it is here already.
    pub(crate) async fn piece_at_hand(&mut self) -> Option<Result<Option<Bytes>, String>> {
        poll_fn(|cx| match self.poll_piece(cx) {
            Poll::Ready(piece) => Poll::Ready(Some(piece)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, String>> {
        loop {
            // First the connection, so that the body has what has come.
            let ended = self.connection.as_mut().poll(cx).is_ready();
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending if ended => None,
                Poll::Pending => return Poll::Pending,
            };
            match frame {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => {
                    let from = &self.from;
                    return Poll::Ready(Err(format!(
                        "the answer of {from} broke off: {error}; look at the API server"
                    )));
                }
                Some(Ok(frame)) => {
                    // What follows the body is nothing to us.
                    if let Ok(piece) = frame.into_data() {
                        return Poll::Ready(Ok(Some(piece)));
                    }
                }
            }
        }
    }
}

/// Host and port as they stand in a request and a URL: an IPv6 address in brackets.
pub(crate) fn authority(host: &str, tcp_port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{tcp_port}") } else { format!("{host}:{tcp_port}") }
}

fn trust(authorities: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let added = certificate.map_err(|error| error.to_string());
        let added = added.and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| format!("the file of the API's authority has no good certificate: {error}"))?;
    }
    if roots.is_empty() {
        return Err("the file of the API's authority has no certificate; check ca.crt".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("this build has no TLS: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn an_address_with_colons_is_not_taken_for_one_with_a_port() {
        assert_eq!(authority("10.96.0.1", 443), "10.96.0.1:443");
        assert_eq!(authority("kubernetes.default.svc", 443), "kubernetes.default.svc:443");
        assert_eq!(authority("fd00:10:96::1", 443), "[fd00:10:96::1]:443");
    }
}
