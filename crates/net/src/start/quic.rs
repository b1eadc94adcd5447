//! QUIC of a node: how it is asked for, begun and ended.

use super::{NodeBuilder, RunningNode, STOP_PATIENCE, StartNodeError};
use crate::carrier::{Carrier, Listener, Quic, QuicCounts, TlsConfig, UdpPort};
use crate::finding::Finding;
use engset_node::NodeConfig;
use engset_process::Scheduler;
use std::net::IpAddr;
use std::sync::{Arc, mpsc};

impl NodeBuilder {
    /// Speaks QUIC with Engset nodes that do so too, and TLS over TCP with all others, with the same certificates.
    ///
    /// A large message holds up only its sender then, and about an eighth of the other processes of the node, instead of
    /// all of them; so does a lost packet. The order of signals between two processes is as ever.
    ///
    /// The node listens at the UDP port of the same number as its TCP port, if it is free, and else at another of
    /// [`Self::tcp_ports`]; peers hear of it by EPMD. Without EPMD it is the port of [`Self::no_epmd`]. Where UDP does not
    /// get through to a peer, the connection is made by TLS over TCP after 3 s, and the peer is not tried over QUIC for
    /// five minutes ([`RunningNode::quic`] counts that).
    ///
    /// A node that listens nowhere ([`Self::connect_only`], [`Self::name_from_peer`]) dials over QUIC all the same.
    ///
    /// A program that was killed says no farewell over UDP: its peers notice within about two seconds, from its machine's
    /// answer to what they send to its port. Where that does not get through, or the machine itself is gone, they notice
    /// after the time between two ticks (15 s unless `net_ticktime` is another).
    ///
    /// ```no_run
    /// use engset_net::{RunningNode, TlsConfig};
    /// use std::path::Path;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = TlsConfig::from_dir(Path::new("/etc/shop/tls"), "shop@db.example.org")?;
    /// let node = RunningNode::builder().name("shop@db.example.org").cookie("a secret").quic(tls).start()?;
    /// # Ok(()) }
    /// ```
    pub fn quic(self, tls: TlsConfig) -> Self {
        Self { quic: true, ..self.tls(tls) }
    }

    /// The UDP port that is the node's, where it speaks QUIC.
    pub(super) fn udp_port(
        &self,
        listen: IpAddr,
        listener: &Listener,
    ) -> Result<Option<UdpPort>, StartNodeError> {
        if !self.quic {
            return Ok(None);
        }
        let tcp_port = listener.tcp_port().map_err(StartNodeError::System)?.unwrap_or(0);
        let others = match self.finding {
            Finding::Fixed(port) => port..=port,
            Finding::Epmd(_) => self.tcp_ports.clone(),
        };
        UdpPort::bind(listen, tcp_port, others).map(Some).map_err(|error| {
            let told = format!(
                "UDP port {tcp_port} at {listen} cannot be used: {error}; free it, or let the node have other ports"
            );
            StartNodeError::Quic(std::io::Error::new(error.kind(), told))
        })
    }
}

impl RunningNode {
    /// What the node's QUIC did so far; none where it has none.
    #[must_use]
    pub fn quic(&self) -> Option<QuicCounts> {
        self.quic.as_ref().map(|quic| quic.counts())
    }

    /// Waits until the peers have been told that their connections end: nobody does it when the threads have ended.
    pub(super) fn end_quic(&mut self) {
        let Some(quic) = self.quic.take() else { return };
        let (done, ended) = mpsc::sync_channel::<()>(1);
        self.scheduler.spawn_task(async move {
            quic.end().await;
            drop(done);
        });
        // It has an end of its own; the other end is dropped, never sent to.
        ended.recv_timeout(STOP_PATIENCE).ok();
    }
}

/// The carrier with QUIC beside it, where that `is_wanted`; it listens at the UDP port that the node has, if it has one.
pub(super) fn with_quic(
    carrier: Carrier,
    (is_wanted, udp_port): (bool, Option<UdpPort>),
    config: &NodeConfig,
    scheduler: &Scheduler,
) -> Result<(Carrier, Option<Arc<Quic>>), StartNodeError> {
    match carrier {
        Carrier::Tls(tls) if is_wanted => {
            let quic = Quic::new((config.name, udp_port), tls, config.tick.interval(), scheduler);
            let quic = quic.map_err(StartNodeError::Quic)?;
            Ok((Carrier::Quic(Arc::clone(&quic)), Some(quic)))
        }
        carrier => Ok((carrier, None)),
    }
}
