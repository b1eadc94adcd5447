//! A node's name in EPMD, for as long as the node runs; the node is the EPMD where there is none.

use crate::connect::{ConnectError, Step, within};
use crate::epmd::{self, EpmdServer, Registration};
use engset_dist::epmd::NodeEntry;
use engset_process::Scheduler;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How often a lost registration is tried again, as OTP does.
const REGISTER_AGAIN: Duration = Duration::from_secs(2);

/// A registration, and the EPMD that this node had to be for it.
pub(crate) struct Registered {
    pub(crate) registration: Registration,
    epmd: Option<EpmdServer>,
}

/// Where the EPMD of this machine is, and where this node serves it when there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpmdPlace {
    pub(crate) tcp_port: u16,
    /// Where the node listens: peers ask the EPMD there.
    pub(crate) listen: IpAddr,
}

impl EpmdPlace {
    /// Where it is asked.
    fn at(self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.tcp_port)
    }

    async fn serve(self, scheduler: &Scheduler) -> io::Result<EpmdServer> {
        let at = self.at();
        if self.listen.is_unspecified() {
            // All addresses, the loopback among them.
            return epmd::serve(SocketAddr::new(self.listen, self.tcp_port), scheduler).await;
        }
        let differs = self.listen != at.ip();
        epmd::serve_at_each(at, if differs { std::slice::from_ref(&self.listen) } else { &[] }, scheduler)
            .await
    }
}

/// Registers with the EPMD of this machine; becomes it when there is none.
pub(crate) async fn register(
    epmd: EpmdPlace,
    entry: &NodeEntry,
    scheduler: &Scheduler,
) -> Result<Registered, ConnectError> {
    let at = epmd.at();
    let try_once = || async {
        within(scheduler, Step::Epmd, Some(at), epmd::register(at, entry.clone())).await.flatten()
    };
    let first = try_once().await;
    if !matches!(first, Err(ConnectError::NoEpmd { .. })) {
        return first.map(|registration| Registered { registration, epmd: None });
    }
    // When two nodes try this at once, one of them finds the other's.
    let served = epmd.serve(scheduler).await;
    if let Err(error) = &served {
        tracing::debug!("this node does not serve EPMD: {error}");
    }
    let registration = try_once().await?;
    Ok(Registered { registration, epmd: served.ok() })
}

/// Keeps the name registered for as long as `stop` is not dropped.
pub(crate) async fn keep_registered(
    epmd: EpmdPlace,
    entry: NodeEntry,
    mut registered: Registered,
    scheduler: Scheduler,
    stop: tokio::sync::oneshot::Receiver<()>,
) {
    let keep = async {
        loop {
            registered.registration.lost().await;
            tracing::warn!("the EPMD at {} is gone: registering again", epmd.at());
            registered = loop {
                match register(epmd, &entry, &scheduler).await {
                    Ok(mut again) => {
                        again.epmd = again.epmd.or(registered.epmd);
                        break again;
                    }
                    Err(error) => {
                        tracing::warn!("not registered: {error}");
                        scheduler.sleep(REGISTER_AGAIN).await;
                    }
                }
            };
        }
    };
    tokio::select! {
        () = keep => {}
        _ = stop => {}
    }
}
