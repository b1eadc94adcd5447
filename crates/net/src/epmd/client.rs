//! Asking an EPMD, and registering with one for as long as a connection lives.
//!
//! Nothing here has a time limit: callers put theirs around it, by the clock they have.

use crate::connect::ConnectError;
use engset_dist::epmd::client::NameList;
use engset_dist::epmd::{Lookup, Names, NodeEntry, Register, Registration as Entry};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A node's registration: lasts until it is dropped.
#[derive(Debug)]
pub struct Registration {
    /// What EPMD gave the node.
    pub creation: u32,
    stream: TcpStream,
}

impl Registration {
    /// Completes when the EPMD is gone, and the registration with it.
    pub async fn lost(&mut self) {
        let mut buffer = [0; 16];
        while matches!(self.stream.read(&mut buffer).await, Ok(read) if read > 0) {}
    }
}

/// Asks where a node listens; `None` when the EPMD does not know it.
///
/// # Errors
/// When no EPMD answers, or wrongly.
pub async fn lookup(at: SocketAddr, name: &str) -> Result<Option<NodeEntry>, ConnectError> {
    let mut lookup = Lookup::new(name);
    let mut stream = ask(at, lookup.request().map_err(wrong(at))?).await?;
    loop {
        let mut buffer = [0; 2048];
        let read = stream.read(&mut buffer).await.map_err(gone(at))?;
        if read == 0 {
            return Err(wrong(at)(lookup.handle_eof()));
        }
        if let Some(answer) = lookup.handle_bytes(&buffer[..read]).map_err(wrong(at))? {
            return Ok(answer);
        }
    }
}

/// Asks for all registered nodes.
///
/// # Errors
/// When no EPMD answers, or wrongly.
pub async fn names(at: SocketAddr) -> Result<NameList, ConnectError> {
    let mut names = Names::new();
    let mut stream = ask(at, names.request().map_err(wrong(at))?).await?;
    loop {
        let mut buffer = [0; 2048];
        let read = stream.read(&mut buffer).await.map_err(gone(at))?;
        if read == 0 {
            return names.handle_eof().map_err(wrong(at));
        }
        names.handle_bytes(&buffer[..read]).map_err(wrong(at))?;
    }
}

/// Registers a node.
///
/// # Errors
/// When no EPMD answers, or the name is taken.
pub async fn register(at: SocketAddr, entry: Entry) -> Result<Registration, ConnectError> {
    let mut register = Register::new(entry);
    let mut stream = ask(at, register.request().map_err(wrong(at))?).await?;
    loop {
        let mut buffer = [0; 64];
        let read = stream.read(&mut buffer).await.map_err(gone(at))?;
        if read == 0 {
            return Err(wrong(at)(register.handle_eof()));
        }
        if let Some(creation) = register.handle_bytes(&buffer[..read]).map_err(wrong(at))? {
            return Ok(Registration { creation, stream });
        }
    }
}

async fn ask(at: SocketAddr, request: Vec<u8>) -> Result<TcpStream, ConnectError> {
    let mut stream = TcpStream::connect(at).await.map_err(gone(at))?;
    stream.write_all(&request).await.map_err(gone(at))?;
    Ok(stream)
}

fn gone(at: SocketAddr) -> impl Fn(io::Error) -> ConnectError {
    move |error| ConnectError::NoEpmd { at, error: Arc::new(error) }
}

fn wrong(at: SocketAddr) -> impl Fn(engset_dist::epmd::EpmdError) -> ConnectError {
    move |error| ConnectError::Epmd { at, error }
}
