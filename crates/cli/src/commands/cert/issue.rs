//! Making keys and certificates.

use crate::clock;
use crate::failure::{Failure, Status};
use engset::NodeName;
use engset::net::NODE_URI_SCHEME;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::IpAddr;
use time::Duration;

/// The name of every authority; their keys tell them apart.
const AUTHORITY_NAME: &str = "Engset cluster CA";
/// The clocks of a cluster may differ by so much.
const CLOCKS_DIFFER_BY: Duration = Duration::hours(1);
/// So many times as long as that of a node is the certificate of an authority valid.
const AUTHORITY_LASTS_TIMES: i64 = 10;

/// A certificate authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    params: CertificateParams,
}

/// The certificate and the key of a node, PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// A new one.
    pub(super) fn new(days: u16) -> Result<Self, Failure> {
        Self::with(KeyPair::generate().map_err(not_made)?, i64::from(days))
    }

    /// The one that has this key and this certificate.
    pub(super) fn from_key(pem: &str, certificate: &str) -> Result<Self, Failure> {
        let key = KeyPair::from_pem(pem).map_err(|error| {
            Failure::new(Status::Usage, format!("ca.key is no key of a CA: {error}"))
                .remedy("give the directory that `engset cert init` has made")
        })?;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| {
            Failure::new(Status::Usage, format!("ca.pem is no certificate of a CA: {error}"))
                .remedy("put the ca.pem that was made with ca.key beside it")
        })?;
        // The key stands in the certificate as it is.
        let public = key.subject_public_key_info();
        if !certificate.windows(public.len()).any(|part| part == public) {
            let summary = "ca.pem and ca.key are not of the same CA: no node would take what they make";
            return Err(Failure::new(Status::Usage, summary).remedy(
                "put the ca.pem that was made with ca.key beside it, or give the directory of the other CA",
            ));
        }
        Self::with(key, 1)
    }

    fn with(key: KeyPair, days: i64) -> Result<Self, Failure> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, AUTHORITY_NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, Duration::days(days * AUTHORITY_LASTS_TIMES));
        Ok(Self { issuer: Issuer::new(params.clone(), key), params })
    }

    /// Its own certificate, signed by itself.
    pub(super) fn pem(&self) -> Result<String, Failure> {
        Ok(self.params.self_signed(self.issuer.key()).map_err(not_made)?.pem())
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for the host of `node`, as TLS looks at it, and for the node itself.
    pub(super) fn issue(&self, node: NodeName, days: u16) -> Result<Issued, Failure> {
        let host = node.host_part();
        let mut params = CertificateParams::new([host.to_string()]).map_err(not_made)?;
        if host.parse::<IpAddr>().is_ok() {
            // Erlang nodes look for an address among the DNS names.
            params.subject_alt_names.push(SanType::DnsName(host.as_str().try_into().map_err(not_made)?));
        }
        let uri = format!("{NODE_URI_SCHEME}{}", node.text());
        params.subject_alt_names.push(SanType::URI(uri.try_into().map_err(not_made)?));
        params.distinguished_name.push(DnType::CommonName, node.text().to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, Duration::days(days.into()));
        let key = KeyPair::generate().map_err(not_made)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(not_made)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn set_validity(params: &mut CertificateParams, lasts: Duration) {
    let now = clock::now();
    params.not_before = now - CLOCKS_DIFFER_BY;
    params.not_after = now + lasts;
}

fn not_made(error: impl std::fmt::Display) -> Failure {
    Failure::new(Status::Machine, format!("no certificate was made: {error}"))
}
