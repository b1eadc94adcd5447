//! `engset names`: the nodes that an EPMD knows.

use crate::failure::{Failure, Status, Step, Stop};
use crate::output;
use crate::peer::{first_that_answers, in_node, not_started, resolve};
use engset::Node;
use engset::net::{ConnectError, epmd};
use std::net::SocketAddr;
use std::time::Duration;

/// How long resolving and asking may take together.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// List the nodes of a host, as its EPMD knows them
///
/// Examples:
///   engset names
///   engset names --host db.example.org
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The host to ask
    #[arg(long, value_name = "H", default_value = "127.0.0.1")]
    host: String,
    /// The port of its EPMD [default: $ERL_EPMD_PORT, then 4369]
    #[arg(long, value_name = "P")]
    port: Option<u16>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let (host, port) = (arguments.host.clone(), arguments.port.unwrap_or_else(epmd::tcp_port));
    let node = Node::builder().workers(1).start().map_err(|error| not_started(&error))?;
    let (at, list) = in_node(&node, move |cx| async move {
        let patience = cx.sleep(ANSWER_WITHIN);
        tokio::select! {
            answer = ask(&host, port) => answer,
            () = patience => Err(no_answer(&host, port)),
        }
    })??;
    output::line(&match list.len() {
        0 => format!("EPMD at {at} knows no nodes"),
        1 => format!("EPMD at {at} knows 1 node"),
        count => format!("EPMD at {at} knows {count} nodes"),
    })?;
    for (name, tcp_port) in list {
        output::line(&format!("  {name} at port {tcp_port}"))?;
    }
    Ok(())
}

async fn ask(host: &str, port: u16) -> Result<(SocketAddr, Vec<(String, u16)>), Failure> {
    let addresses = resolve(host.to_owned()).await.map_err(|error| {
        Failure::new(Status::Unreachable, format!("the host {host} has no address"))
            .step(Step::Resolve)
            .check(format!("the resolver says: {error}"))
            .remedy("correct --host, or enter the host in DNS or /etc/hosts")
    })?;
    let question = |address| {
        let at = SocketAddr::new(address, port);
        async move { epmd::names(at).await.map(|list| (at, list.names)) }
    };
    match first_that_answers(addresses.into_iter().map(question).collect()).await {
        Ok(list) => Ok(list),
        Err(ConnectError::NoEpmd { at, error }) => {
            Err(Failure::new(Status::Unreachable, format!("no EPMD answers at {at}: no node runs there"))
                .step(Step::Epmd)
                .check(format!("the operating system says: {error}"))
                .remedy("start a node or `engset epmd` there, or give the right --port"))
        }
        Err(error) => {
            Err(Failure::new(Status::Unreachable, format!("what answers at {host}:{port} is no EPMD"))
                .step(Step::Epmd)
                .check(error.to_string())
                .remedy("give the right --port"))
        }
    }
}

fn no_answer(host: &str, port: u16) -> Failure {
    Failure::new(Status::Unreachable, format!("no EPMD answered at {host}:{port} within {ANSWER_WITHIN:?}"))
        .timeout(Step::Epmd)
        .check("a firewall that drops packets looks like this")
        .remedy("look at the other machine, or give the right --port")
}
