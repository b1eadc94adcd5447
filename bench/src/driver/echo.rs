//! Bytes over a TCP connection to an echoing process and back.

use super::{Laps, Work};
use crate::row::Row;
use crate::workload::ECHO_BYTES;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// `spawn` runs the echoing side as the system runs its processes; the measuring task is the other side.
pub(crate) async fn echo(spawn: impl FnOnce(Work)) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free TCP port");
    let address = listener.local_addr().expect("a listener has an address");
    spawn(Box::pin(serve(listener)));
    let mut stream = TcpStream::connect(address).await.expect("the listener accepts");
    stream.set_nodelay(true).expect("a TCP stream has this option");
    let mut bytes = [7; ECHO_BYTES];
    let mut laps = Laps::new(Row::Echo);
    while let Some(round_trips) = laps.next() {
        for _ in 0..round_trips {
            stream.write_all(&bytes).await.expect("the other side reads");
            stream.read_exact(&mut bytes).await.expect("the other side answers");
        }
    }
    laps.ns_per_op()
}

async fn serve(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.expect("the other side connects");
    stream.set_nodelay(true).expect("a TCP stream has this option");
    let mut bytes = [0; ECHO_BYTES];
    while stream.read_exact(&mut bytes).await.is_ok() {
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
