//! QUIC's tasks and timers on the node's scheduler.

use engset_process::{Scheduler, Sleep};
use quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, ServerConfig, TokioRuntime};
use std::io;
use std::net::UdpSocket;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// An endpoint at this socket, which accepts connections if it has `server`.
pub(super) fn endpoint(
    socket: UdpSocket,
    server: Option<ServerConfig>,
    scheduler: &Scheduler,
) -> io::Result<Endpoint> {
    let runtime = Arc::new(OnScheduler(scheduler.clone()));
    Endpoint::new(EndpointConfig::default(), server, socket, runtime)
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
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
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
