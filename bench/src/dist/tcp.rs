//! A plain copy of the bytes of a one-way row: blocking sockets, one write for each message, nothing else.

use super::row::Row;
use crate::output;
use crate::stopwatch::Stopwatch;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Reads this much at a time.
const READ_BYTES: usize = 256 * 1024;

/// Reads all of one connection after the other: first its length, then so many bytes, then answers.
pub(crate) fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    output::say(&format!("ready {}", listener.local_addr()?));
    let (mut stream, _) = listener.accept()?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let mut length = [0; 8];
        if stream.read_exact(&mut length).is_err() {
            return Ok(());
        }
        let mut left = u64::from_be_bytes(length);
        while left > 0 {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(read as u64);
        }
        stream.write_all(&[1])?;
    }
}

/// Nanoseconds per message.
pub(crate) fn drive(row: Row, at: SocketAddr) -> io::Result<f64> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_nodelay(true)?;
    let payload = vec![7; row.payload_bytes()];
    copy(&mut stream, &payload, row.ops() / 10)?;
    let watch = Stopwatch::start();
    copy(&mut stream, &payload, row.ops())?;
    Ok(watch.ns_per_op(row.ops()))
}

fn copy(stream: &mut TcpStream, payload: &[u8], count: u64) -> io::Result<()> {
    stream.write_all(&(payload.len() as u64 * count).to_be_bytes())?;
    for _ in 0..count {
        stream.write_all(payload)?;
    }
    stream.read_exact(&mut [0])
}
