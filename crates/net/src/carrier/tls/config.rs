//! What a node needs for TLS: the cluster's authorities, its own certificate and key, the versions.

use super::TlsError;
use engset_term::NodeName;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest file with certificates or a key that is read, in bytes.
pub const PEM_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a node needs to speak TLS with its peers. Cheap to clone.
///
/// Each side shows a certificate that an authority of the cluster has signed and that is for the host of its name.
/// The files that `engset cert init` makes are such.
///
/// ```no_run
/// use engset_net::{RunningNode, TlsConfig};
/// use std::path::Path;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = TlsConfig::from_dir(Path::new("/etc/shop/tls"), "shop@db.example.org")?;
/// let node = RunningNode::builder().name("shop@db.example.org").cookie("a secret").tls(tls).start()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    /// Whether version 1.3 is among the versions.
    #[cfg(feature = "quic")]
    has_tls13: bool,
    /// What keys for other uses are made of.
    #[cfg(feature = "quic")]
    secret: Option<Arc<super::derived::Secret>>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// The one that Erlang nodes of OTP 25 speak unless they are told otherwise.
    Tls12,
    /// The newest.
    Tls13,
}

/// Certificates or a key cannot be used. Nothing secret is shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file cannot be read.
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A file is longer than any such file.
    TooLong {
        /// Which.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// There is no certificate of an authority, or it is none.
    Authority(String),
    /// There is no certificate of the node, or it is none, or the key does not belong to it.
    Certificate(String),
    /// There is no private key, or it is none.
    Key(String),
    /// No version of TLS is left.
    NoVersion,
}

impl TlsConfig {
    /// Reads the certificates of the authorities, the chain of the node's own certificate (its own first), and its key,
    /// all PEM, at most [`PEM_FILE_BYTES_MAX`] bytes each.
    ///
    /// # Errors
    /// [`TlsConfigError`] when one is missing or does not fit the others.
    pub fn from_files(authorities: &Path, chain: &Path, key: &Path) -> Result<Self, TlsConfigError> {
        Self::from_pem(&read(authorities)?, &read(chain)?, &read(key)?)
    }

    /// Reads what `engset cert` has written for the node `name` into `dir`: `ca.pem`, `NAME.pem` and `NAME.key`.
    ///
    /// # Errors
    /// As [`Self::from_files`].
    pub fn from_dir(dir: &Path, name: &str) -> Result<Self, TlsConfigError> {
        let file = |ending: &str| dir.join(format!("{name}.{ending}"));
        Self::from_files(&dir.join("ca.pem"), &file("pem"), &file("key"))
    }

    /// Like [`Self::from_files`], from the contents of such files.
    ///
    /// # Errors
    /// As [`Self::from_files`].
    pub fn from_pem(authorities: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::build(authorities, chain, key, &[&rustls::version::TLS13, &rustls::version::TLS12])
    }

    /// Like [`Self::from_pem`], for these versions only; without, 1.3 and 1.2.
    ///
    /// # Errors
    /// As [`Self::from_files`], and [`TlsConfigError::NoVersion`].
    pub fn from_pem_with_versions(
        authorities: &[u8],
        chain: &[u8],
        key: &[u8],
        versions: &[TlsVersion],
    ) -> Result<Self, TlsConfigError> {
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        Self::build(authorities, chain, key, &versions)
    }

    fn build(
        authorities: &[u8],
        chain: &[u8],
        key: &[u8],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Self, TlsConfigError> {
        if versions.is_empty() {
            return Err(TlsConfigError::NoVersion);
        }
        let mut roots = RootCertStore::empty();
        for authority in certificates(authorities).map_err(TlsConfigError::Authority)? {
            roots.add(authority).map_err(|error| TlsConfigError::Authority(error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(chain).map_err(TlsConfigError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsConfigError::Key(told(&error)))?;
        #[cfg(feature = "quic")]
        let secret = super::derived::Secret::of(&key).map(Arc::new);
        let unusable = |error: rustls::Error| TlsConfigError::Certificate(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(unusable)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(unusable)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| TlsConfigError::Authority(error.to_string()))?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key)
            .map_err(unusable)?;
        // Connections last, and each one is to look at the certificates anew.
        client.resumption = Resumption::disabled();
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self {
            client: Arc::new(client),
            server: Arc::new(server),
            chain,
            #[cfg(feature = "quic")]
            has_tls13: versions.contains(&&rustls::version::TLS13),
            #[cfg(feature = "quic")]
            secret,
        })
    }

    /// Looks whether the node's own certificate is for the node.
    pub(crate) fn check_own(&self, name: NodeName) -> Result<(), TlsError> {
        super::check_own(&self.chain, name)
    }

    /// What a connection over QUIC needs to be opened, and to be accepted; none where version 1.3 is not allowed.
    #[cfg(feature = "quic")]
    pub(in crate::carrier) fn for_quic(&self, protocol: &[u8]) -> Option<(ClientConfig, ServerConfig)> {
        let (mut client, mut server) = (ClientConfig::clone(&self.client), ServerConfig::clone(&self.server));
        client.alpn_protocols = vec![protocol.to_vec()];
        server.alpn_protocols = vec![protocol.to_vec()];
        self.has_tls13.then_some((client, server))
    }

    /// A key for this use, made out of the private key; none where the machine has no means for that.
    #[cfg(feature = "quic")]
    pub(in crate::carrier) fn derived_key(&self, what: &[&[u8]]) -> Option<super::DerivedKey> {
        self.secret.as_ref().map(|secret| secret.key(what))
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }
}

impl TlsVersion {
    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{} cannot be read: {error}", path.display()),
            Self::TooLong { path, limit } => {
                write!(f, "{} has more than {limit} bytes: this is no file with certificates", path.display())
            }
            Self::Authority(error) => {
                write!(
                    f,
                    "the certificates of the authorities cannot be used: {error}; give the CA's PEM file"
                )
            }
            Self::Certificate(error) => write!(
                f,
                "the certificate of this node cannot be used: {error}; give its PEM file, and the key that was made with it"
            ),
            Self::Key(error) => {
                write!(f, "the private key of this node cannot be used: {error}; give its PEM file")
            }
            Self::NoVersion => f.write_str("no version of TLS is left; give at least one"),
        }
    }
}

impl Error for TlsConfigError {}

fn read(path: &Path) -> Result<Vec<u8>, TlsConfigError> {
    let failed = |error| TlsConfigError::File { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(PEM_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read <= PEM_FILE_BYTES_MAX) {
        return Ok(bytes);
    }
    Err(TlsConfigError::TooLong { path: path.to_owned(), limit: PEM_FILE_BYTES_MAX })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| told(&error))?;
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

/// What is wrong, without a piece of the file.
fn told(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is none in it",
        pem::Error::MissingSectionEnd { .. } => "a section of the PEM file has no end",
        _ => "it is no PEM file",
    }
    .to_owned()
}
