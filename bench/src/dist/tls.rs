//! Certificates for the two programs: an authority and one certificate for this host, made anew for each run.

use engset::net::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where both programs find the files.
const FOLDER: &str = "ENGSET_BENCH_TLS";
const HOST: &str = "127.0.0.1";

/// The files; gone with this value.
pub(crate) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    pub(crate) fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("engset-bench-tls-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().expect("a key");
        let authority_pem = authority.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(authority, key);
        let mut params = CertificateParams::new([HOST.to_owned()]).expect("an address");
        // A certificate of the name of its authority would be taken for one that it signed itself.
        params.distinguished_name.push(DnType::CommonName, HOST);
        // Erlang nodes look for an address among the DNS names.
        params.subject_alt_names.push(SanType::DnsName(HOST.try_into().expect("text")));
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &issuer).expect("a certificate").pem();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("it can be written");
        write("ca.pem", &authority_pem);
        write("node.pem", &pem);
        write("node.key", &key.serialize_pem());
        let file = |name: &str| format!("{:?}", folder.join(name).display().to_string());
        let common = format!(
            "{{cacertfile, {}}}, {{certfile, {}}}, {{keyfile, {}}}, {{verify, verify_peer}}, {{versions, ['tlsv1.3']}}",
            file("ca.pem"),
            file("node.pem"),
            file("node.key")
        );
        write(
            "ssl_dist.conf",
            &format!("[{{server, [{common}, {{fail_if_no_peer_cert, true}}]}}, {{client, [{common}]}}].\n"),
        );
        Self { folder }
    }

    /// Lets a program find them.
    pub(crate) fn tell(&self, program: &mut Command) {
        program.env(FOLDER, &self.folder);
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// What a node needs to speak TLS, or QUIC.
pub(crate) fn config() -> TlsConfig {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("told by the program that measures"));
    let file = |name: &str| folder.join(name);
    let config = TlsConfig::from_files(&file("ca.pem"), &file("node.pem"), &file("node.key"));
    config.expect("the files are as they were written")
}

/// Lets an Erlang node speak TLS.
pub(crate) fn erl_args(certificates: &Certificates, erl: &mut Command) {
    let config: &Path = &certificates.folder.join("ssl_dist.conf");
    erl.args(["-proto_dist", "inet_tls", "-ssl_dist_optfile"]).arg(config);
}
