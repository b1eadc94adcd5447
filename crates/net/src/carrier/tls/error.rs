//! What is wrong with a TLS connection: the cause, the side, and what to do.

use rustls::{AlertDescription, CertificateError, PeerIncompatible};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// No TLS connection came about, or it ended.
#[derive(Debug, Clone)]
pub struct TlsError {
    /// What is wrong, on which side.
    pub fault: TlsFault,
    /// In the words of whoever noticed.
    pub error: Arc<io::Error>,
}

/// What is wrong with a TLS connection, and on which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The peer speaks without TLS.
    PeerWithoutTls,
    /// The peer closed before TLS was there; nodes without TLS do that.
    ClosedByPeer,
    /// The peer shows no certificate.
    PeerWithoutCertificate,
    /// The peer's certificate is for other hosts.
    PeerCertificateForOtherHost,
    /// The peer's certificate names other nodes.
    PeerCertificateForOtherNode,
    /// An authority that this node does not know has signed the peer's certificate.
    PeerCertificateFromOtherAuthority,
    /// The peer's certificate is not valid any more.
    PeerCertificateExpired,
    /// The peer's certificate is not valid yet.
    PeerCertificateNotYetValid,
    /// Something else is wrong with the peer's certificate.
    PeerCertificateBad,
    /// The peer does not know the authority that has signed our certificate.
    OurCertificateFromOtherAuthority,
    /// The peer says that our certificate is not valid any more.
    OurCertificateExpired,
    /// The peer does not take our certificate.
    OurCertificateRefused,
    /// The two sides have no version or cipher of TLS in common.
    NothingInCommon,
    /// Anything else.
    Other,
}

impl TlsError {
    pub(in crate::carrier) fn new(fault: TlsFault, error: io::Error) -> Self {
        Self { fault, error: Arc::new(error) }
    }
}

#[cfg(feature = "quic")]
impl TlsError {
    /// Of an alert that the peer has sent.
    pub(in crate::carrier) fn of_peers_alert(alert: u8, error: io::Error) -> Self {
        Self::new(fault_of_alert(AlertDescription::from(alert)), error)
    }

    /// Of an alert that this node has sent because of what `error` says.
    pub(in crate::carrier) fn of_our_alert(alert: u8, error: io::Error) -> Self {
        let told = error.to_string().to_ascii_lowercase();
        let fault = match AlertDescription::from(alert) {
            AlertDescription::CertificateExpired if told.contains("not valid yet") => {
                TlsFault::PeerCertificateNotYetValid
            }
            AlertDescription::CertificateExpired => TlsFault::PeerCertificateExpired,
            // An authority of the same name with another key looks like a bad signature.
            AlertDescription::UnknownCA | AlertDescription::DecryptError => {
                TlsFault::PeerCertificateFromOtherAuthority
            }
            AlertDescription::BadCertificate if told.contains("not valid for name") => {
                TlsFault::PeerCertificateForOtherHost
            }
            AlertDescription::CertificateRequired => TlsFault::PeerWithoutCertificate,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown => TlsFault::PeerCertificateBad,
            AlertDescription::NoApplicationProtocol
            | AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity => TlsFault::NothingInCommon,
            _ => TlsFault::Other,
        };
        Self::new(fault, error)
    }
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let fault = match (tls, error.kind()) {
            (Some(tls), _) => fault_of(tls),
            (
                None,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe,
            ) => TlsFault::ClosedByPeer,
            (None, _) => TlsFault::Other,
        };
        Self::new(fault, error)
    }
}

fn fault_of(error: &rustls::Error) -> TlsFault {
    match error {
        rustls::Error::InvalidMessage(_) => TlsFault::PeerWithoutTls,
        rustls::Error::NoCertificatesPresented => TlsFault::PeerWithoutCertificate,
        rustls::Error::InvalidCertificate(error) => fault_of_certificate(error),
        rustls::Error::AlertReceived(alert) => fault_of_alert(*alert),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => TlsFault::NothingInCommon,
        _ => TlsFault::Other,
    }
}

fn fault_of_certificate(error: &CertificateError) -> TlsFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TlsFault::PeerCertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::PeerCertificateNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::PeerCertificateForOtherHost
        }
        // An authority of the same name with another key looks like a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsFault::PeerCertificateFromOtherAuthority
        }
        _ => TlsFault::PeerCertificateBad,
    }
}

fn fault_of_alert(alert: AlertDescription) -> TlsFault {
    match alert {
        AlertDescription::UnknownCA => TlsFault::OurCertificateFromOtherAuthority,
        AlertDescription::CertificateExpired => TlsFault::OurCertificateExpired,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRequired
        | AlertDescription::AccessDenied
        // What an Erlang node says when the host is not in our certificate.
        | AlertDescription::HandshakeFailure
        // What is said of a certificate from an authority of the same name with another key.
        | AlertDescription::DecryptError => TlsFault::OurCertificateRefused,
        AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => TlsFault::NothingInCommon,
        _ => TlsFault::Other,
    }
}

impl TlsFault {
    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::PeerWithoutTls | Self::ClosedByPeer => {
                "start the peer with TLS too (`-proto_dist inet_tls`), or this node without"
            }
            Self::PeerWithoutCertificate => {
                "give the peer a certificate: in its ssl_dist.conf, certfile and keyfile of the client as well"
            }
            Self::PeerCertificateForOtherHost => {
                "give the peer a certificate with the host part of its name among its alternative names, or dial the host of the certificate"
            }
            Self::PeerCertificateForOtherNode => {
                "give the peer a certificate for its own name, or dial the name of the certificate"
            }
            Self::PeerCertificateFromOtherAuthority => {
                "give this node the CA of the peer's certificate, or the peer a certificate from the cluster's CA"
            }
            Self::PeerCertificateExpired => {
                "give the peer a new certificate, or set the clocks of both machines"
            }
            Self::PeerCertificateNotYetValid => "set the clocks of both machines",
            Self::PeerCertificateBad => "give the peer another certificate",
            Self::OurCertificateFromOtherAuthority => {
                "give this node a certificate from the cluster's CA, or the peer our CA"
            }
            Self::OurCertificateExpired => {
                "give this node a new certificate, or set the clocks of both machines"
            }
            Self::OurCertificateRefused => {
                "look into the peer's log, and give this node a certificate for its name"
            }
            Self::NothingInCommon => {
                "allow the same versions on both sides: an Erlang node of OTP 25 speaks TLS 1.2 unless its ssl_dist.conf has `versions`"
            }
            Self::Other => "look into the peer's log",
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerWithoutTls => "the peer speaks without TLS",
            Self::ClosedByPeer => "the peer closed before TLS was there, as a node without TLS does",
            Self::PeerWithoutCertificate => "the peer shows no certificate",
            Self::PeerCertificateForOtherHost => "the peer's certificate is for another host",
            Self::PeerCertificateForOtherNode => "the peer's certificate is for another node",
            Self::PeerCertificateFromOtherAuthority => "the peer's certificate is from an unknown CA",
            Self::PeerCertificateExpired => "the peer's certificate has expired",
            Self::PeerCertificateNotYetValid => "the peer's certificate is not valid yet",
            Self::PeerCertificateBad => "the peer's certificate cannot be used",
            Self::OurCertificateFromOtherAuthority => "the peer does not know the CA of our certificate",
            Self::OurCertificateExpired => "the peer says that our certificate has expired",
            Self::OurCertificateRefused => "the peer does not take our certificate",
            Self::NothingInCommon => "we and the peer have no version or cipher of TLS in common",
            Self::Other => "TLS failed",
        })
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}); {}", self.fault, self.error, self.fault.remedy())
    }
}

impl Error for TlsError {}
