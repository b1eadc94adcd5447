//! Random numbers from the operating system: challenges, creations, salts.

use std::io;

/// A number nobody can guess.
pub(crate) fn number() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

/// A handshake challenge.
pub(crate) fn challenge() -> io::Result<u32> {
    getrandom::u32().map_err(|error| io::Error::other(error.to_string()))
}

/// A creation for a node that gets none from EPMD: 32 bits, and not one of the values that mean something else.
pub(crate) fn creation() -> io::Result<u32> {
    let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
    Ok((random ^ crate::clock::seconds()).max(4))
}
