//! QUIC's sockets, tasks and timers on the node's scheduler.

use super::settings::{DATAGRAM_BYTES_MAX, SEGMENTS_MAX};
use engset_process::{Scheduler, Sleep};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{
    AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, ServerConfig, TokioRuntime, UdpPoller,
};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// An endpoint at this socket, which accepts connections if it has `server`.
pub(super) fn endpoint(
    socket: UdpSocket,
    mut config: EndpointConfig,
    server: Option<ServerConfig>,
    scheduler: &Scheduler,
) -> io::Result<Endpoint> {
    config.max_udp_payload_size(DATAGRAM_BYTES_MAX).map_err(io::Error::other)?;
    let runtime = Arc::new(OnScheduler(scheduler.clone()));
    Endpoint::new(config, server, socket, runtime)
}

#[derive(Debug)]
struct OnScheduler(Scheduler);

impl Runtime for OnScheduler {
    fn new_timer(&self, due: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let mut timer = Timer { scheduler: self.0.clone(), sleep: self.0.sleep_until(self.0.now()) };
        timer.set_due(due);
        Box::pin(timer)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn_task(future);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Segmenting(TokioRuntime.wrap_udp_socket(socket)?)))
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

/// A socket that never gives the system more than it takes at a time.
#[derive(Debug)]
struct Segmenting(Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for Segmenting {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.0).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.try_send(transmit)
    }

    fn poll_recv(
        &self,
        task: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv(task, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.max_transmit_segments().min(SEGMENTS_MAX)
    }

    fn max_receive_segments(&self) -> usize {
        self.0.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.0.may_fragment()
    }
}

#[derive(Debug)]
struct Timer {
    scheduler: Scheduler,
    sleep: Sleep,
}

impl Timer {
    fn set_due(&mut self, due: Instant) {
        let left = due.saturating_duration_since(TokioRuntime.now());
        self.sleep = self.scheduler.sleep(left);
    }
}

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, due: Instant) {
        self.set_due(due);
    }

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        pin!(&mut self.sleep).poll(task)
    }
}
