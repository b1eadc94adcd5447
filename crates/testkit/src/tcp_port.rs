//! TCP ports that nobody uses.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// The first port that is handed out, and how many there are. They lie below those that the operating system gives to
/// whoever asks for any port (32,768 and up on Linux): none of these becomes somebody else's meanwhile.
const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;

/// A TCP port at 127.0.0.1 that was free a moment ago, and that this program hands out once.
///
/// # Errors
/// There is none left, or the operating system does not let this program listen.
pub fn free_port() -> io::Result<u16> {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    // Programs that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let step = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
        if step >= COUNT {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let port = FIRST + begin.wrapping_add(step) % COUNT;
        let port = u16::try_from(port).map_err(io::Error::other)?;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}
