//! Who a certificate is for: hosts, and nodes where it names any.
//!
//! A host is a DNS name or an address among the certificate's alternative names; its common name says nothing.
//! A node is named by a URI `erlang:name@host`, or by a DNS name with an `@` in it, as some clusters write it.

use super::error::{TlsError, TlsFault};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use std::io;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What stands before a node's name in the URI by which a certificate names it.
pub const NODE_URI_SCHEME: &str = "erlang:";

/// Who the other side is by its certificate, which has been verified.
#[derive(Debug, Clone)]
pub(in crate::carrier) struct Identity {
    certificate: CertificateDer<'static>,
    nodes: Vec<String>,
}

impl Identity {
    /// Of a chain of certificates, whose first is the one of the node.
    pub(in crate::carrier) fn of(chain: Option<&[CertificateDer<'_>]>) -> Result<Self, TlsError> {
        let no_certificate =
            || TlsError::new(TlsFault::PeerWithoutCertificate, io::ErrorKind::NotFound.into());
        let certificate = chain.and_then(<[_]>::first).ok_or_else(no_certificate)?.clone().into_owned();
        let nodes = nodes(&certificate)?;
        Ok(Self { certificate, nodes })
    }

    /// Whether the certificate is for this node: its host, and its name where the certificate names nodes.
    pub(in crate::carrier) fn check(&self, node: &str) -> Result<(), TlsError> {
        let host_part = node.split_once('@').map_or(node, |(_, host)| host);
        let parsed = ParsedCertificate::try_from(&self.certificate).map_err(io::Error::other)?;
        verify_server_name(&parsed, &host(host_part)?).map_err(|error| {
            let told = format!("the node calls itself {node}; {error}");
            TlsError::new(TlsFault::PeerCertificateForOtherHost, io::Error::other(told))
        })?;
        self.check_nodes(node)
    }

    /// Whether the certificate is for this node or names no nodes at all.
    pub(in crate::carrier) fn check_nodes(&self, node: &str) -> Result<(), TlsError> {
        if self.nodes.is_empty() || self.nodes.iter().any(|named| named == node) {
            return Ok(());
        }
        let told = format!("the certificate is for {}, not for {node}", self.nodes.join(", "));
        Err(TlsError::new(TlsFault::PeerCertificateForOtherNode, io::Error::other(told)))
    }
}

/// The host part of a node's name, as TLS wants it.
pub(super) fn host(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|error| {
        let told = format!("the host {host} cannot be in a certificate: {error}");
        TlsError::new(TlsFault::PeerCertificateForOtherHost, io::Error::other(told))
    })
}

/// The nodes that a certificate names.
fn nodes(certificate: &CertificateDer<'_>) -> Result<Vec<String>, TlsError> {
    let unreadable = |error: x509_cert::der::Error| {
        TlsError::new(TlsFault::PeerCertificateBad, io::Error::other(error.to_string()))
    };
    let certificate = Certificate::from_der(certificate).map_err(unreadable)?;
    let names = certificate.tbs_certificate.get::<SubjectAltName>().map_err(unreadable)?;
    let names = names.map(|(_critical, names)| names.0).unwrap_or_default();
    Ok(names.iter().filter_map(node).collect())
}

fn node(name: &GeneralName) -> Option<String> {
    let name = match name {
        GeneralName::UniformResourceIdentifier(uri) => uri.as_str().strip_prefix(NODE_URI_SCHEME)?,
        GeneralName::DnsName(name) => name.as_str(),
        _ => return None,
    };
    name.contains('@').then(|| name.to_owned())
}
