//! One GET over HTTPS, with a certificate authority of its own, a token, and a limit on the answer.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
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

/// Status and body of the answer; the error says at which step it failed, and never the token.
pub(crate) async fn get(server: &Server<'_>, path: &str) -> Result<(u16, Vec<u8>), String> {
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
    let broken =
        |error: hyper::Error| format!("{host}:{tcp_port} broke off: {error}; look at the API server");
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
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| {
            format!("the answer of {host}:{tcp_port} broke off, or has more than {ANSWER_BYTES_MAX} bytes: {error}")
        })?;
        Ok((status, body.to_bytes().to_vec()))
    };
    // The connection does the work that the exchange waits for, and ends with it.
    let driver = async {
        drop(connection.await);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answered = exchange => answered,
        () = driver => Err(String::new()),
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
