//! The files of a cluster's certificates: where they are, who may read them, what is in them.

use crate::failure::{Failure, Status};
use engset::NodeName;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The mode of files with keys.
const SECRET_MODE: u32 = 0o600;
/// The mode of the others.
const PUBLIC_MODE: u32 = 0o644;
/// The longest key of a CA that is read, in bytes.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// The directory of a cluster's certificates.
pub(super) struct Folder {
    /// From the root, so that what is printed works from everywhere.
    path: PathBuf,
}

/// The files of one node.
pub(super) struct NodeFiles {
    pub(super) node: NodeName,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// What an Erlang node is told by `-ssl_dist_optfile`.
    pub(super) config: PathBuf,
}

impl Folder {
    /// The directory, which is made where it is not there.
    pub(super) fn make(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        Self::open(path)
    }

    /// The directory, which is there.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let path = fs::canonicalize(path).map_err(|error| unusable(path, &error))?;
        if path.to_str().is_none_or(|text| text.contains(char::is_control)) {
            let summary = format!("{} cannot be written into a configuration of Erlang", path.display());
            return Err(Failure::new(Status::Usage, summary).remedy("give a directory with another name"));
        }
        Ok(Self { path })
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.path.join("ca.pem")
    }

    pub(super) fn authority_key(&self) -> PathBuf {
        self.path.join("ca.key")
    }

    pub(super) fn node(&self, node: NodeName) -> NodeFiles {
        let file = |ending: &str| self.path.join(format!("{}.{ending}", node.text()));
        NodeFiles { node, certificate: file("pem"), key: file("key"), config: file("ssl_dist.conf") }
    }

    pub(super) fn read_authority_key(&self) -> Result<String, Failure> {
        let path = self.authority_key();
        let remedy = "give the directory that `engset cert init` has made, with ca.key in it";
        read(&path)?.ok_or_else(|| {
            let summary = format!("there is no key of a CA at {}", path.display());
            Failure::new(Status::Usage, summary).remedy(remedy)
        })
    }

    /// The certificate of the authority.
    pub(super) fn read_authority(&self) -> Result<String, Failure> {
        let path = self.authority();
        read(&path)?.ok_or_else(|| {
            let summary = format!("there is no certificate of a CA at {}", path.display());
            Failure::new(Status::Usage, summary).remedy("put the ca.pem that was made with ca.key beside it")
        })
    }

    /// Fails when there is something already.
    pub(super) fn check_absent(&self, path: &Path) -> Result<(), Failure> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(path, &error)),
            Ok(_) => Err(exists(path)),
        }
    }

    pub(super) fn write_secret(&self, path: &Path, text: &str) -> Result<(), Failure> {
        write(path, text, SECRET_MODE)
    }

    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), Failure> {
        write(path, text, PUBLIC_MODE)
    }
}

impl NodeFiles {
    pub(super) fn paths(&self) -> [&Path; 3] {
        [&self.certificate, &self.key, &self.config]
    }

    /// The configuration of an Erlang node of this name.
    pub(super) fn config_text(&self, authority: &Path) -> String {
        let files = format!(
            "{{certfile, {}}},\n  {{keyfile, {}}},\n  {{cacertfile, {}}}",
            erlang_string(&self.certificate),
            erlang_string(&self.key),
            erlang_string(authority)
        );
        let common = "{verify, verify_peer},\n  {versions, ['tlsv1.3', 'tlsv1.2']}";
        format!(
            "[{{server, [\n  {files},\n  {{fail_if_no_peer_cert, true}},\n  {common}]}},\n {{client, [\n  {files},\n  {common}]}}].\n"
        )
    }

    /// The command that starts an Erlang node of this name.
    pub(super) fn erl_line(&self) -> String {
        let flag = if self.node.host_part().contains('.') { "-name" } else { "-sname" };
        let config = shell_word(&self.config.display().to_string());
        let name = shell_word(&self.node.text());
        format!("erl {flag} {name} -proto_dist inet_tls -ssl_dist_optfile {config}")
    }
}

/// The text of a file of the authority; none where there is no such file, or one that is too long for it.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    if fs::metadata(path).map_or(true, |found| found.len() > KEY_BYTES_MAX) {
        return Ok(None);
    }
    fs::read_to_string(path).map(Some).map_err(|error| unusable(path, &error))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => unusable(path, &error),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| unusable(path, &error))
}

fn exists(path: &Path) -> Failure {
    Failure::new(Status::Usage, format!("{} is there already and is not overwritten", path.display())).remedy(
        "give another --dir, or use `engset cert add` for further nodes of the same cluster; to renew a node's certificate, move its three files away before",
    )
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(Status::Machine, format!("{} cannot be used: {error}", path.display()));
    failure.remedy(match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "run the command as a user that may read and write there, or give another --dir"
        }
        io::ErrorKind::NotFound => {
            "give a directory that is there by --dir; `engset cert init` makes a new one"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "give a directory by --dir: this, or what is above it, is a file"
        }
        _ => "give a directory that can be written to by --dir",
    })
}

/// A path as a string of Erlang.
fn erlang_string(path: &Path) -> String {
    let text = path.display().to_string();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word that a shell takes as it is.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
