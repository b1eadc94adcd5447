//! Being an EPMD: sockets around the pure server of `engset-dist`.

use engset_dist::epmd::{ConnId, Server, ServerConfig};
use engset_process::Scheduler;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How long accepting pauses after the operating system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An EPMD that runs as long as this value lives.
#[derive(Debug)]
pub struct EpmdServer {
    shared: Arc<Shared>,
    /// Where it listens.
    pub at: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    server: Mutex<Server>,
    closing: Mutex<BTreeMap<ConnId, Arc<Notify>>>,
    stopped: Notify,
    scheduler: Scheduler,
}

impl EpmdServer {
    /// Completes when the server was told to end by a KILL request.
    pub async fn stopped(&self) {
        self.shared.stopped.notified().await;
    }
}

impl Drop for EpmdServer {
    fn drop(&mut self) {
        self.shared.stopped.notify_waiters();
        for closing in self.shared.closing.lock().values() {
            closing.notify_one();
        }
    }
}

/// Serves EPMD at `at`, on the scheduler's workers; must be called on one of them, or in another tokio runtime.
///
/// # Errors
/// When the address cannot be listened on, for instance because another EPMD is there.
pub async fn serve(at: SocketAddr, scheduler: &Scheduler) -> io::Result<EpmdServer> {
    let listener = TcpListener::bind(at).await?;
    let at = listener.local_addr()?;
    let config = ServerConfig {
        epmd_tcp_port: at.port(),
        creation_start: crate::clock::seconds().max(4),
        ..ServerConfig::default()
    };
    let shared = Arc::new(Shared {
        server: Mutex::new(Server::new(scheduler.now(), config)),
        closing: Mutex::default(),
        stopped: Notify::new(),
        scheduler: scheduler.clone(),
    });
    scheduler.spawn_task(accept(listener, Arc::clone(&shared)));
    Ok(EpmdServer { shared, at })
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut last = 0u64;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopped.notified() => return,
            () = time_out(&shared) => continue,
        };
        match accepted {
            Ok((stream, from)) => {
                last += 1;
                let id = ConnId(last);
                let closing = Arc::new(Notify::new());
                shared.closing.lock().insert(id, Arc::clone(&closing));
                shared.server.lock().handle_open(shared.scheduler.now(), id, from.ip().is_loopback());
                shared.close_refused();
                shared.scheduler.spawn_task(converse(stream, id, closing, Arc::clone(&shared)));
            }
            Err(error) => {
                tracing::warn!("EPMD cannot accept a connection: {error}");
                shared.scheduler.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for the next deadline of any connection, and acts on it.
async fn time_out(shared: &Shared) {
    let due = shared.server.lock().poll_timeout();
    match due {
        Some(due) => shared.scheduler.sleep_until(due).await,
        None => std::future::pending().await,
    }
    shared.server.lock().handle_timeout(shared.scheduler.now());
    shared.close_refused();
}

async fn converse(mut stream: TcpStream, id: ConnId, closing: Arc<Notify>, shared: Arc<Shared>) {
    let mut buffer = [0; 2048];
    loop {
        let read = tokio::select! {
            read = stream.read(&mut buffer) => read,
            () = closing.notified() => break,
        };
        let Ok(read) = read else { break };
        if read == 0 {
            break;
        }
        let answer = {
            let mut server = shared.server.lock();
            server.handle_bytes(shared.scheduler.now(), id, &buffer[..read]);
            server.poll_transmit(id)
        };
        if let Some(answer) = answer
            && stream.write_all(&answer).await.is_err()
        {
            break;
        }
        shared.close_refused();
        if shared.server.lock().is_stop_requested() {
            shared.stopped.notify_waiters();
        }
    }
    shared.server.lock().handle_close(id);
    shared.closing.lock().remove(&id);
}

impl Shared {
    fn close_refused(&self) {
        while let Some((id, reason)) = self.server.lock().poll_close() {
            tracing::debug!(?id, ?reason, "EPMD closes a connection");
            if let Some(closing) = self.closing.lock().get(&id) {
                closing.notify_one();
            }
        }
    }
}
