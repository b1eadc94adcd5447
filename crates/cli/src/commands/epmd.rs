//! `engset epmd`: the name service of a host, in the foreground.

use crate::failure::{Failure, Status, Stop};
use crate::output;
use crate::peer::{in_node, not_started};
use crate::signals::Signals;
use engset::Node;
use engset::net::epmd;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long whoever has the port is listened to, to tell whether it is an EPMD.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Be the EPMD of this host: tell nodes where others listen
///
/// Runs until Ctrl-C, SIGTERM, or `epmd -kill` where no nodes are registered. Nodes of Engset need none: where no
/// EPMD answers, they are one.
///
/// Examples:
///   engset epmd
///   engset epmd --port 5000 --address 0.0.0.0
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The port; 0 takes a free one [default: $ERL_EPMD_PORT, then 4369]
    #[arg(long, value_name = "P")]
    port: Option<u16>,
    /// The address to serve at, beside the loopback; others than that tell everybody there which nodes run
    #[arg(long, value_name = "A", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Stop> {
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::WARN).init();
    let at = SocketAddr::new(arguments.address, arguments.port.unwrap_or_else(epmd::tcp_port));
    let node = Node::builder().workers(1).start().map_err(|error| not_started(&error))?;
    in_node(&node, move |cx| async move {
        let mut signals = Signals::new()?;
        let server = match epmd::serve(at, cx.processes().scheduler()).await {
            Ok(server) => server,
            Err(error) => {
                let patience = cx.sleep(ANSWER_WITHIN);
                return Err(tokio::select! {
                    failure = not_served(at, &error) => failure,
                    () = patience => taken(at, &error),
                }
                .into());
            }
        };
        output::line(&format!("EPMD serves at {}", server.at))?;
        let why = tokio::select! {
            () = server.stopped() => "a KILL request",
            signal = signals.next() => signal,
        };
        output::line(&format!("EPMD ends: {why}"))
    })?
}

async fn not_served(at: SocketAddr, error: &io::Error) -> Failure {
    let failure = Failure::new(Status::Machine, format!("EPMD cannot serve at {at}: {error}"));
    match error.kind() {
        ErrorKind::AddrInUse => {}
        ErrorKind::PermissionDenied => {
            return failure.remedy(
                "give a --port of 1024 or above, or run the command as a user that may listen there",
            );
        }
        ErrorKind::AddrNotAvailable => {
            return failure.remedy("give an address of this machine by --address, 0.0.0.0 for all of them");
        }
        _ => return failure.remedy("give another --address or --port"),
    }
    match epmd::names(at).await {
        Ok(list) => Failure::new(Status::Machine, format!("an EPMD is running at {at} already"))
            .check(format!(
                "it knows {} nodes; `engset names --port {}` lists them",
                list.names.len(),
                at.port()
            ))
            .remedy("use that one: nothing needs to be done"),
        Err(_) => taken(at, error),
    }
}

/// Something else than an EPMD has the port.
fn taken(at: SocketAddr, error: &io::Error) -> Failure {
    Failure::new(Status::Machine, format!("EPMD cannot serve at {at}: {error}"))
        .check(format!("what listens there is no EPMD; `ss -ltnp 'sport = :{}'` shows it", at.port()))
        .remedy("end it, or give another --port, and all nodes the same by ERL_EPMD_PORT")
}
