//! Unix sockets: one socket file for each node of this machine, in a directory that is its owner's alone.
//!
//! The file has the node's name, so no EPMD is asked. A node keeps its lock file locked while it runs: that tells a
//! running node from a file that one left behind which was killed.

use super::Carried;
use crate::connect::{ConnectError, Step, within};
use engset_dist::handshake::Framing;
use engset_process::Scheduler;
use engset_term::NodeName;
use std::error::Error;
use std::fmt;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};

/// The mode of the directory: whoever can open a socket file talks to the node, if it knows the cookie.
const DIR_MODE: u32 = 0o700;

/// The directory of the socket files cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketDirError {
    /// It is no directory.
    NoDirectory(PathBuf),
    /// Others than its owner may enter it.
    Open {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A node of this name is running.
    NameTaken(NodeName),
}

impl fmt::Display for SocketDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory(path) => {
                write!(f, "{} is no directory; give one for the socket files", path.display())
            }
            Self::Open { path, mode } => write!(
                f,
                "others may enter {} (mode {mode:03o}), and so reach the nodes in it; give it the mode 700",
                path.display()
            ),
            Self::NameTaken(name) => {
                write!(f, "a node {name} is running with its socket in this directory; choose another name")
            }
        }
    }
}

impl Error for SocketDirError {}

/// A socket file that is listened on, until it is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    listener: UnixListener,
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl SocketFile {
    pub(super) fn listen(dir: &Path, name: NodeName) -> io::Result<Self> {
        prepare(dir)?;
        let path = socket_path(dir, name);
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock_path(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, SocketDirError::NameTaken(name)));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        Ok(Self { listener, path, _lock: lock })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The next node of this name removes what stays.
        drop(fs::remove_file(&self.path));
    }
}

/// Connects to the socket file of `peer`.
pub(super) async fn dial(scheduler: &Scheduler, dir: &Path, peer: NodeName) -> Result<Carried, ConnectError> {
    let path = socket_path(dir, peer);
    let stream = within(scheduler, Step::Unix, None, UnixStream::connect(&path)).await?;
    let stream = stream.map_err(|error| ConnectError::Unix { path, error: Arc::new(error) })?;
    Ok(Carried::new(stream, Framing::Two, None))
}

/// Makes the directory, or looks that it is its owner's alone.
fn prepare(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIR_MODE).recursive(false).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() {
        return Err(io::Error::other(SocketDirError::NoDirectory(dir.to_owned())));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & !DIR_MODE != 0 {
        return Err(io::Error::other(SocketDirError::Open { path: dir.to_owned(), mode }));
    }
    Ok(())
}

/// The socket file of a node: its name, with what may not be in a file's name as hexadecimal digits.
fn socket_path(dir: &Path, name: NodeName) -> PathBuf {
    let mut file = String::new();
    for byte in name.text().bytes() {
        if byte.is_ascii_alphanumeric() || b"@._-".contains(&byte) {
            file.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(file, "%{byte:02x}").ok();
        }
    }
    dir.join(file)
}

/// The lock file beside a socket file: of no node the socket file, since in those `+` is written as digits.
fn lock_path(socket: &Path) -> PathBuf {
    socket.with_added_extension("+lock")
}

#[cfg(test)]
mod tests {
    use super::{lock_path, prepare, socket_path};
    use engset_term::NodeName;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn file(name: &str) -> String {
        socket_path(Path::new("d"), NodeName::new(name).unwrap()).display().to_string()
    }

    #[test]
    fn file_names_stay_in_the_directory_and_apart() {
        assert_eq!(file("shop-1@db.example.org"), "d/shop-1@db.example.org");
        assert_eq!(file("../x@h"), "d/..%2fx@h");
        assert_eq!(file("a%2fb@h"), "d/a%252fb@h");
        assert_eq!(file("a/b@h"), "d/a%2fb@h");
    }

    /// A node removes what lies where its socket file is to be: that must not be the lock of another.
    #[test]
    fn no_node_has_its_socket_where_another_has_its_lock() {
        let path = |name: &str| socket_path(Path::new("d"), NodeName::new(name).unwrap());
        for other in ["a@h.lock", "a@h.+lock", "a@h+lock", "a@h.%2block"] {
            assert_ne!(lock_path(&path("a@h")), path(other), "{other}");
        }
    }

    #[test]
    fn the_directory_is_its_owners_alone() {
        let dir = std::env::temp_dir().join(format!("engset-sockets-{}", std::process::id()));
        prepare(&dir).expect("it is made");
        let mode = |dir: &Path| fs::metadata(dir).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        prepare(&dir).expect("it is there");
        for open in [0o710, 0o701, 0o755] {
            fs::set_permissions(&dir, fs::Permissions::from_mode(open)).unwrap();
            let error = prepare(&dir).expect_err("others may enter").to_string();
            assert!(error.contains(&format!("mode {open:03o}")) && error.contains("mode 700"), "{error}");
        }
        fs::remove_dir(&dir).unwrap();
        fs::write(&dir, "").unwrap();
        assert!(prepare(&dir).expect_err("a file").to_string().contains("no directory"));
        fs::remove_file(&dir).unwrap();
    }
}
