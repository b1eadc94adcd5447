//! `engset discover`: what a way of finding peers finds, and why a node is or is not among it.

mod flags;
mod text;

use crate::cookie::CookieFlags;
use crate::failure::{Failure, Status, Stop};
use crate::output;
use crate::peer::{connect, in_node, made_up_name, not_started, start};
use crate::signals::Signals;
use engset::discover::{Core, DiscoveryConfig, KnownState, Report, Strategy};
use engset::{Node, NodeName, Scheduler};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Look for peers as a node would, and show what is found
///
/// Without --explain nobody is connected to. With it each candidate is, as by `engset ping`, and what was asked,
/// answered and left out is shown with the reasons.
///
/// Examples:
///   engset discover static shop@10.0.0.1 stock@10.0.0.2 --explain
///   engset discover hosts .hosts.erlang
///   engset discover epmd 127.0.0.1 db.example.org --prefix shop
///   engset discover dns app.internal --basename app --explain
///   engset discover srv _epmd._tcp.example.org --basename app
///   engset discover k8s --basename app --selector app=shop
///   engset discover gossip --watch
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    way: flags::Way,
    /// Say what was asked and answered, and connect to each candidate to see which step fails
    #[arg(long, global = true, conflicts_with = "watch")]
    explain: bool,
    /// Look once and end; the default
    #[arg(long, global = true, conflicts_with = "watch")]
    once: bool,
    /// Look again and again, and show each change, until SIGINT or SIGTERM
    #[arg(long, global = true)]
    watch: bool,
    /// One JSON object; with --watch one for each change
    #[arg(long, global = true)]
    json: bool,
    /// The node to look for peers of: it is left out, as it leaves itself out
    #[arg(long, global = true, value_name = "NAME", value_parser = crate::flags::node_name)]
    own: Option<NodeName>,
    /// How long looking may take, and connecting to each candidate, in seconds
    #[arg(long, global = true, value_name = "S", default_value = "10", value_parser = crate::flags::seconds)]
    timeout: Duration,
    #[command(flatten)]
    cookie: CookieFlags,
}

/// A candidate's way from its name to an answer.
type Dialled = Vec<Option<Result<(), Failure>>>;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let own = arguments.own.map_or_else(String::new, |own| own.text().to_string());
    let strategy = arguments.way.strategy(&own)?;
    let node = Node::builder().workers(1).start().map_err(|error| not_started(&error))?;
    let mut core = Core::new(&own, DiscoveryConfig::default(), 0);
    let source = strategy.source();
    let index = core.add_source(&source, 0).map_err(|error| Failure::machine("no room", &error))?;
    if arguments.watch {
        return watch(&node, core, strategy, arguments.json);
    }
    // Gossip's first answer is empty: it has to listen.
    let listen = matches!(arguments.way, flags::Way::Gossip(_));
    let core = look(&node, core, index, strategy, arguments.timeout, listen)?;
    let report = core.report();
    let dialled = if arguments.explain { dial(&report, arguments)? } else { Vec::new() };
    if arguments.json {
        output::line(&text::json(&report, &dialled))?;
    } else {
        text::lines(&report, &dialled, arguments.explain).iter().try_for_each(|line| output::line(line))?;
    }
    end(&report, dialled)
}

/// Asks once, or for as long as allowed while there is nothing.
fn look(
    node: &Node,
    mut core: Core,
    index: usize,
    mut strategy: Box<dyn Strategy>,
    limit: Duration,
    listen: bool,
) -> Result<Core, Failure> {
    let source = strategy.source();
    in_node(node, move |cx| async move {
        let clock: Scheduler = cx.processes().scheduler().clone();
        let patience = clock.sleep(limit);
        let asked = async {
            loop {
                let said = strategy.next(&clock).await;
                let snapshot = said.map_err(|error| {
                    let found = Failure::new(Status::Unreachable, format!("{source} has no answer"));
                    found.check(error.to_string())
                })?;
                core.handle_snapshot(clock.now(), index, snapshot);
                if !listen || !core.report().known.is_empty() {
                    return Ok(core);
                }
            }
        };
        tokio::select! {
            answered = asked => answered,
            () = patience => Err(match listen {
                true => Failure::new(Status::NotFound, format!("{source}: nobody was heard within {limit:?}"))
                    .check("nodes with another secret, another port or behind a router are not heard")
                    .remedy("start a node that gossips, compare the secret (--secret-file) and --port, or listen longer by --timeout"),
                false => Failure::new(Status::Unreachable, format!("{source} did not answer within {limit:?}"))
                    .remedy("allow more time by --timeout"),
            }),
        }
    })?
}

/// Connects to each candidate, as a hidden node with a name of its own.
fn dial(report: &Report, arguments: &Arguments) -> Result<Dialled, Failure> {
    let cookie = arguments.cookie.find()?;
    let limit = arguments.timeout;
    let mut node = None;
    let mut dialled = Vec::new();
    for known in &report.known {
        let peer =
            NodeName::new(&known.name).map_err(|error| Failure::new(Status::Usage, error.to_string()))?;
        if node.is_none() {
            let host = peer.host_part();
            let is_here = matches!(host.as_str(), "127.0.0.1" | "localhost");
            let elsewhere = if is_here { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
            let address = known.address.unwrap_or(IpAddr::V4(elsewhere));
            node = Some(start(&made_up_name(peer, address), &cookie, None)?);
        }
        dialled.push(node.as_ref().map(|node| connect(node, peer, limit, &cookie, limit)));
    }
    Ok(dialled)
}

/// How the command ends: well where somebody was found and, if asked for, at least one was reached.
fn end(report: &Report, dialled: Dialled) -> Result<(), Stop> {
    if report.known.is_empty() {
        let failure = Failure::new(Status::NotFound, "no candidate was found");
        let failure = match report.refused.first() {
            Some(refused) => failure.check(format!("left out: {}: {}", refused.what, refused.why)),
            None => failure.check("the answer is empty"),
        };
        return Err(failure.remedy("--explain shows what was asked and answered").into());
    }
    let reached = dialled.iter().any(|dialled| matches!(dialled, Some(Ok(()))));
    match dialled.into_iter().flatten().find_map(Result::err) {
        Some(failure) if !reached => Err(failure.into()),
        _ => Ok(()),
    }
}

/// Shows changes until a signal.
fn watch(node: &Node, mut core: Core, mut strategy: Box<dyn Strategy>, json: bool) -> Result<(), Stop> {
    in_node(node, move |cx| async move {
        let clock = cx.processes().scheduler().clone();
        let mut signals = Signals::new()?;
        loop {
            let said = tokio::select! {
                said = strategy.next(&clock) => said,
                _ = signals.next() => return Ok(()),
            };
            let failed = said.is_err();
            match said {
                Ok(snapshot) => core.handle_snapshot(clock.now(), 0, snapshot),
                Err(error) => core.handle_failure(clock.now(), 0, &error),
            }
            // Nobody is connected to here.
            while core.poll_action().is_some() {}
            while let Some(change) = core.poll_change() {
                if let Some(line) = text::change(&change, json) {
                    output::line(&line)?;
                }
            }
            if failed {
                cx.sleep(Duration::from_secs(1)).await;
            }
        }
    })?
}

/// Whether a candidate is connected, as the command shows it.
fn is_connected(state: KnownState) -> bool {
    state == KnownState::Connected
}
