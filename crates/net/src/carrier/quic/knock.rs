//! Knocking at a peer's UDP port, to hear from its machine when nobody listens there (`vigil.rs` says what for).

use super::vigil::{Duty, Vigil};
use engset_node::Channel;
use engset_process::{Scheduler, Sleep};
use engset_term::Instant;
use quinn::Connection;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::pin;
use std::task::Context;

/// What is sent: no packet of QUIC begins like that, so the peer lets it fall.
const KNOCK: [u8; 1] = [0];

/// A socket that is connected to a peer's port, since only such are told that nobody listens there.
#[derive(Debug)]
pub(super) struct Knocker {
    socket: UdpSocket,
    is_refused: bool,
}

impl Knocker {
    /// For the port `at`, from the address `from` if that is given.
    pub(super) fn new(at: SocketAddr, from: Option<IpAddr>) -> io::Result<Self> {
        let any: IpAddr =
            if at.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let from = from.filter(|from| from.is_ipv6() == at.is_ipv6()).unwrap_or(any);
        let socket = UdpSocket::bind(SocketAddr::new(from, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(at)?;
        Ok(Self { socket, is_refused: false })
    }

    /// Sends a datagram. What becomes of it is told later, if at all.
    pub(super) fn knock(&mut self) {
        self.note(self.socket.send(&KNOCK).err());
    }

    /// Whether the peer's machine has said that nobody listens there.
    pub(super) fn is_refused(&mut self) -> bool {
        self.note(self.socket.take_error().ok().flatten());
        self.is_refused
    }

    fn note(&mut self, error: Option<io::Error>) {
        self.is_refused |= error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    }
}

/// Watches whether the peer of a connection is there.
pub(super) struct Watch {
    vigil: Vigil,
    knocker: Knocker,
    /// Rings when the vigil wants to hear of the time, which is this.
    alarm: Option<(Instant, Sleep)>,
}

impl Watch {
    /// None where the operating system gives no socket for it: the peer's silence has to do then.
    pub(super) fn new(connection: &Connection, now: Instant) -> Option<Self> {
        match Knocker::new(connection.remote_address(), connection.local_ip()) {
            Ok(knocker) => Some(Self { vigil: Vigil::new(now), knocker, alarm: None }),
            Err(error) => {
                tracing::warn!(
                    "no socket to find out early that a peer's program was killed, its silence will tell: {error}; allow more open files"
                );
                None
            }
        }
    }

    /// Does what is due, and wakes `task` when something is again.
    ///
    /// # Errors
    /// When the peer's program has ended.
    pub(super) fn poll(
        &mut self,
        connection: &Connection,
        channel: &mut Channel,
        scheduler: &Scheduler,
        task: &mut Context<'_>,
    ) -> io::Result<()> {
        while let Some(due) = self.vigil.poll_timeout() {
            let now = scheduler.now();
            if due > now {
                let alarm = match self.alarm.take() {
                    Some((set, alarm)) if set == due => self.alarm.insert((set, alarm)),
                    Some(_) | None => self.alarm.insert((due, scheduler.sleep_until(due))),
                };
                if pin!(&mut alarm.1).poll(task).is_pending() {
                    return Ok(());
                }
                continue;
            }
            let (heard, round_trip) = (heard(connection), connection.rtt());
            match self.vigil.handle_timeout(now, heard, round_trip) {
                Duty::Wait => {}
                Duty::Knock => self.knocker.knock(),
                Duty::Look => {
                    let is_refused = self.knocker.is_refused();
                    if self.vigil.handle_answer(now, is_refused, heard, round_trip) {
                        channel.show_life();
                    }
                }
                Duty::Gone => return Err(gone(connection.remote_address())),
            }
        }
        Ok(())
    }
}

/// How much has come from the peer that only it can have sent.
fn heard(connection: &Connection) -> u64 {
    let frames = connection.stats().frame_rx;
    frames.acks.wrapping_add(frames.stream).wrapping_add(frames.ping)
}

fn gone(at: SocketAddr) -> io::Error {
    let told = format!(
        "nobody listens at UDP port {} of the peer any more ({}), and it gives no sign of life: its program has ended; see its log",
        at.port(),
        at.ip()
    );
    io::Error::new(io::ErrorKind::ConnectionReset, told)
}

#[cfg(test)]
mod tests {
    use super::{KNOCK, Knocker};
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

    /// Knocks, and looks so many times what the system says.
    fn is_refused(at: SocketAddr, looks: u32) -> bool {
        let mut knocker = Knocker::new(at, None).unwrap();
        knocker.knock();
        (0..looks).any(|_| {
            std::thread::yield_now();
            knocker.is_refused()
        })
    }

    #[test]
    fn a_port_where_nobody_listens_is_told_from_one_where_somebody_does() {
        for host in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            // A machine may be without IPv6.
            let Ok(listener) = UdpSocket::bind(SocketAddr::new(host, 0)) else { continue };
            let at = listener.local_addr().unwrap();
            assert!(!is_refused(at, 10_000), "{at}");
            let mut buffer = [7; 8];
            assert_eq!(listener.recv(&mut buffer).unwrap(), KNOCK.len());
            drop(listener);
            assert!(is_refused(at, 10_000_000), "{at}");
        }
    }
}
