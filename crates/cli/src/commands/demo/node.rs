//! One node of the demo, as an OS process of its own: `engset demo-node`, which the demo starts.

use super::application::Application;
use super::report::Report;
use super::restarts::Restarts;
use crate::cookie::CookieFlags;
use crate::failure::{Failure, Status, Stop};
use crate::flags;
use crate::peer::{in_node, not_started};
use engset::{Dest, Mail, Node, NodeName, SpawnOptions, SupervisorRef, Term};
use std::io;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The worker threads of each node.
const WORKERS: usize = 2;

/// A node of the demo; not for use by hand
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_parser = flags::node_name)]
    name: NodeName,
    period_ms: u64,
    #[arg(value_parser = flags::node_name)]
    peers: Vec<NodeName>,
}

/// Runs until standard input closes.
pub(crate) fn run(arguments: Arguments) -> Result<(), Stop> {
    let restarts = Restarts::default();
    tracing_subscriber::registry().with(restarts.clone()).init();
    let cookie = CookieFlags::default().find()?;
    let builder = Node::builder().name(&arguments.name.text()).cookie(cookie.secret()).workers(WORKERS);
    let node = builder.start().map_err(|error| not_started(&error))?;
    restarts.set_clock(node.processes().scheduler().clone());
    let application = Application {
        restarts: restarts.clone(),
        period: Duration::from_millis(arguments.period_ms),
        peers: arguments.peers,
    };
    let supervisor = in_node(&node, move |_cx| async move { application.supervisor().start().await })?;
    let supervisor =
        supervisor.map_err(|error| Failure::machine("the application does not start", &error))?;
    watch(&node, supervisor, &restarts)?;
    restarts.report(&Report::Ready { os_pid: std::process::id() });
    // How it closes does not matter.
    io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
    restarts.silence();
    node.stop();
    Ok(())
}

/// Ends this OS process when the supervisor gives up: there is nothing left to run.
fn watch(node: &Node, supervisor: SupervisorRef, restarts: &Restarts) -> Result<(), Failure> {
    let restarts = restarts.clone();
    let watcher =
        node.processes().spawn(SpawnOptions::default(), move |mut cx: engset::Cx<Term>| async move {
            cx.monitor(Dest::Pid(supervisor.pid()));
            let is_down = |mail| if let Mail::Down(down) = mail { Ok(down.reason) } else { Err(mail) };
            let reason = cx.receive(is_down).await;
            restarts.report(&Report::Note {
                who: "node".to_owned(),
                what: format!("its supervisor ended: {reason}"),
            });
            restarts.silence();
            end();
        });
    watcher.map(drop).map_err(|error| Failure::machine("the application cannot be watched", &error))
}

fn end() {
    std::process::exit(i32::from(Status::Machine as u8));
}
