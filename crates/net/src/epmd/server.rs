//! Being an EPMD: sockets around the pure server of `engset-dist`.

use crate::listening::listen;
use engset_dist::epmd::{ConnId, Server, ServerConfig};
use engset_process::Scheduler;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How long accepting pauses after the operating system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An EPMD that runs as long as this value lives.
#[derive(Debug)]
pub struct EpmdServer {
    shared: Arc<Shared>,
    /// Where it listens; when it does at several addresses, the first.
    pub at: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    server: Mutex<Server>,
    closing: Mutex<BTreeMap<ConnId, Arc<Notify>>>,
    last_connection: AtomicU64,
    /// Set once, and seen by whoever looks later.
    stopped: watch::Sender<bool>,
    scheduler: Scheduler,
}

impl EpmdServer {
    /// Completes when the server was told to end by a KILL request; at once when it has been told before. It serves
    /// nobody any more then.
    pub async fn stopped(&self) {
        self.shared.until_stopped().await;
    }
}

impl Drop for EpmdServer {
    fn drop(&mut self) {
        self.shared.stopped.send_replace(true);
    }
}

/// Serves EPMD at `at`, on the scheduler's workers; must be called on one of them, or in another tokio runtime.
///
/// At a single address of this machine it serves the IPv4 loopback too, as the stock one does: nodes register there.
///
/// # Errors
/// When the address cannot be listened on, for instance because another EPMD is there.
pub async fn serve(at: SocketAddr, scheduler: &Scheduler) -> io::Result<EpmdServer> {
    let is_everywhere = at.ip().is_unspecified();
    let is_loopback = at.ip().is_loopback();
    let others: &[IpAddr] =
        if is_everywhere || is_loopback { &[] } else { &[IpAddr::V4(Ipv4Addr::LOCALHOST)] };
    serve_at_each(at, others, scheduler).await
}

/// Like [`serve`], at `others` too, all at the port of `at`.
pub(crate) async fn serve_at_each(
    at: SocketAddr,
    others: &[IpAddr],
    scheduler: &Scheduler,
) -> io::Result<EpmdServer> {
    let listener = listen(at)?;
    let at = listener.local_addr()?;
    let mut listeners = vec![listener];
    for address in others {
        listeners.push(listen(SocketAddr::new(*address, at.port()))?);
    }
    let config = ServerConfig {
        epmd_tcp_port: at.port(),
        creation_start: crate::clock::seconds().max(4),
        ..ServerConfig::default()
    };
    let shared = Arc::new(Shared {
        server: Mutex::new(Server::new(scheduler.now(), config)),
        closing: Mutex::default(),
        last_connection: AtomicU64::new(0),
        stopped: watch::Sender::new(false),
        scheduler: scheduler.clone(),
    });
    for listener in listeners {
        scheduler.spawn_task(accept(listener, Arc::clone(&shared)));
    }
    Ok(EpmdServer { shared, at })
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.until_stopped() => return,
            accepted = listener.accept() => accepted,
            () = time_out(&shared) => continue,
        };
        match accepted {
            Ok((stream, from)) => {
                let id = ConnId(shared.last_connection.fetch_add(1, Ordering::Relaxed) + 1);
                let closing = Arc::new(Notify::new());
                shared.closing.lock().insert(id, Arc::clone(&closing));
                shared.server.lock().handle_open_from(shared.scheduler.now(), id, from.ip());
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
            biased;
            () = shared.until_stopped() => break,
            () = closing.notified() => break,
            read = stream.read(&mut buffer) => read,
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
            shared.stopped.send_replace(true);
        }
    }
    shared.server.lock().handle_close(id);
    shared.closing.lock().remove(&id);
}

impl Shared {
    async fn until_stopped(&self) {
        // An error means that the sender is gone, which is here.
        self.stopped.subscribe().wait_for(|stopped| *stopped).await.ok();
    }

    fn close_refused(&self) {
        while let Some((id, reason)) = self.server.lock().poll_close() {
            tracing::debug!(?id, ?reason, "EPMD closes a connection");
            if let Some(closing) = self.closing.lock().get(&id) {
                closing.notify_one();
            }
        }
    }
}
