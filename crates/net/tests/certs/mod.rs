//! Certificates of every kind for tests: good, expired, for others, from others.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::unwrap_used,
    missing_debug_implementations,
    reason = "part of tests; each test program uses its own part"
)]

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use std::fs;
use std::path::{Path, PathBuf};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key.
pub struct Certificate {
    pub pem: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A good certificate for this host, whichever node is there.
    pub fn host(&self, host: &str) -> Certificate {
        self.sign(&params(host))
    }

    /// A good certificate for this host, and this node.
    pub fn node(&self, node: &str) -> Certificate {
        let mut params = params(node.split_once('@').expect("name@host").1);
        let uri = format!("erlang:{node}").try_into().expect("ASCII");
        params.subject_alt_names.push(SanType::URI(uri));
        self.sign(&params)
    }

    /// One that names the node as a DNS name.
    pub fn node_as_dns_name(&self, node: &str) -> Certificate {
        let mut params = params(node.split_once('@').expect("name@host").1);
        params.subject_alt_names.push(SanType::DnsName(node.try_into().expect("ASCII")));
        self.sign(&params)
    }

    pub fn expired(&self, host: &str) -> Certificate {
        let mut params = params(host);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    pub fn not_yet_valid(&self, host: &str) -> Certificate {
        let mut params = params(host);
        params.not_before = date_time_ymd(4000, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Certificate { pem, key: key.serialize_pem() }
    }
}

impl Certificate {
    /// An `ssl_dist.conf` for an Erlang node with this certificate, in a new directory; `more` goes into both lists.
    pub fn ssl_dist_conf(&self, authority: &Authority, more: &str) -> Conf {
        let dir = Conf::folder();
        let file = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).expect("a temporary file");
            path.display().to_string()
        };
        let (certificate, key) = (file("node.pem", &self.pem), file("node.key", &self.key));
        let authority = file("ca.pem", &authority.pem);
        let files = format!(
            r#"{{certfile, "{certificate}"}}, {{keyfile, "{key}"}}, {{cacertfile, "{authority}"}}, {{verify, verify_peer}}{more}"#
        );
        let text = format!("[{{server, [{files}, {{fail_if_no_peer_cert, true}}]}}, {{client, [{files}]}}].");
        let path = file("ssl_dist.conf", &text);
        Conf { dir, path }
    }
}

/// A configuration file, as long as this value lives.
pub struct Conf {
    dir: PathBuf,
    pub path: String,
}

impl Conf {
    /// What `erl` is told.
    pub fn erl_args(&self) -> [&str; 4] {
        ["-proto_dist", "inet_tls", "-ssl_dist_optfile", &self.path]
    }

    fn folder() -> PathBuf {
        use std::hash::{BuildHasher, Hasher, RandomState};
        let random = RandomState::new().build_hasher().finish();
        let dir = std::env::temp_dir().join(format!("engset-certs-{random:016x}"));
        fs::create_dir(&dir).expect("a temporary directory");
        dir
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        fs::remove_dir_all(Path::new(&self.dir)).ok();
    }
}

fn params(host: &str) -> CertificateParams {
    let mut params = CertificateParams::new([host.to_owned()]).expect("a host");
    if host.parse::<std::net::IpAddr>().is_ok() {
        // Erlang nodes look for an address among the DNS names.
        params.subject_alt_names.push(SanType::DnsName(host.try_into().expect("ASCII")));
    }
    params
}
