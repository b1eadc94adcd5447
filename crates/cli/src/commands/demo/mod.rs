//! `engset demo`: three nodes as three OS processes, with a supervised application to play with.
//!
//! This process starts the nodes, says how to reach them, prints what they report, and starts again what dies.
//! It is an EPMD where there is none. The nodes end when their standard input closes, which it does when this
//! process ends, in whatever way.

mod application;
mod keeper;
pub(crate) mod node;
mod page;
mod report;
mod restarts;

use crate::failure::{Failure, Status, Step, Stop};
use crate::output::{self, Colours};
use crate::peer::{in_node, not_started};
use crate::random;
use crate::signals::Signals;
use engset::net::ConnectError;
use engset::net::epmd::{self, EpmdServer};
use engset::{Cx, Instant, Node, Scheduler, Term};
use keeper::{Keeper, News};
use page::Page;
use report::Report;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;

/// How many nodes there are.
const NODES: usize = 3;
/// How many sets of names are tried.
const NAMES_TRIED_MAX: u32 = 100;
/// How long an EPMD may take to say which nodes it knows.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often `flaky` crashes.
const PERIOD: Duration = Duration::from_secs(7);
/// How often `flaky` crashes with `--fast`.
const PERIOD_FAST: Duration = Duration::from_secs(2);

/// Start three nodes on this machine to play with, from Erlang, Elixir and the shell
///
/// Each node runs a counter, a pool of workers, and a process that crashes on purpose; a supervisor starts them again.
/// The lines to type are printed, with a cookie made up for this run; then each crash and restart as it happens.
/// Everything listens on the loopback only, and Ctrl-C leaves nothing behind.
///
/// Examples:
///   engset demo
///   engset demo --fast
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Crash every 2 seconds instead of every 7
    #[arg(long)]
    fast: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let period = if arguments.fast { PERIOD_FAST } else { PERIOD };
    let node = Node::builder().workers(1).start().map_err(|error| not_started(&error))?;
    in_node(&node, move |cx| play(cx, period))?
}

/// The demo, from its start to its end.
async fn play(cx: Cx<Term>, period: Duration) -> Result<(), Stop> {
    let mut signals = Signals::new()?;
    let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), epmd::tcp_port());
    let (known, epmd) = find_epmd(at, cx.processes().scheduler()).await?;
    let page = Page { nodes: free_names(&known)?, cookie: random::cookie(), epmd_tcp_port: at.port() };
    let (stop, stopped) = watch::channel(false);
    let (sender, news) = mpsc::unbounded_channel();
    for (index, name) in page.nodes.iter().enumerate() {
        let peers = if index == 0 { page.nodes[1..].to_vec() } else { Vec::new() };
        let keeper = Keeper { name: name.clone(), cookie: page.cookie.clone(), period, peers };
        cx.processes().scheduler().spawn_task(keeper.keep(index, sender.clone(), stopped.clone()));
    }
    drop(sender);
    let began = cx.processes().scheduler().now();
    let mut stage = Stage { cx, began, page, news, ready: vec![None; NODES], is_shown: false };
    let result = tokio::select! {
        result = stage.show() => result,
        signal = signals.next() => output::line(&format!("{signal}: the demo ends")),
    };
    // Keepers that have ended already need not be told.
    stop.send(true).ok();
    stage.wait_for_keepers().await;
    drop(epmd);
    result
}

/// The nodes that the EPMD at `at` knows; where there is none, one that runs as long as it is kept.
async fn find_epmd(
    at: SocketAddr,
    scheduler: &Scheduler,
) -> Result<(Vec<(String, u16)>, Option<EpmdServer>), Failure> {
    let answer = tokio::select! {
        answer = epmd::names(at) => answer,
        () = scheduler.sleep(ANSWER_WITHIN) => {
            let summary = format!("what listens at {at} did not answer within {ANSWER_WITHIN:?}");
            return Err(Failure::new(Status::Machine, summary)
                .timeout(Step::Epmd)
                .remedy("find out what listens there and end it, or set ERL_EPMD_PORT"));
        }
    };
    match answer {
        Ok(list) => Ok((list.names, None)),
        Err(ConnectError::NoEpmd { .. }) => {
            let server = epmd::serve(at, scheduler).await;
            let server = server.map_err(|error| Failure::machine("EPMD cannot be served", &error))?;
            Ok((Vec::new(), Some(server)))
        }
        Err(error) => Err(Failure::new(Status::Machine, error.to_string())),
    }
}

/// What the audience sees.
struct Stage {
    cx: Cx<Term>,
    began: Instant,
    page: Page,
    news: UnboundedReceiver<(usize, News)>,
    /// The OS processes of the nodes that are up.
    ready: Vec<Option<u32>>,
    /// Whether all have been up, and the page was shown.
    is_shown: bool,
}

impl Stage {
    /// Shows the news as they come.
    async fn show(&mut self) -> Result<(), Stop> {
        while let Some((index, news)) = self.news.recv().await {
            let (node, _host) = self.page.nodes[index].split_once('@').unwrap_or_default();
            match news {
                News::Report(Report::Ready { os_pid }) => self.node_ready(index, os_pid)?,
                News::Report(report) => self.line(node, &report.to_string())?,
                News::Ended(status) => {
                    let node = node.to_owned();
                    self.ready[index] = None;
                    self.line(&node, &format!("node      ended ({status}), starting it again"))?;
                }
                News::GaveUp(why) => {
                    return Err(
                        Failure::new(Status::Machine, format!("{node} cannot be started: {why}")).into()
                    );
                }
            }
        }
        Ok(())
    }

    fn node_ready(&mut self, index: usize, os_pid: u32) -> Result<(), Stop> {
        self.ready[index] = Some(os_pid);
        if self.is_shown {
            let (node, _host) = self.page.nodes[index].split_once('@').unwrap_or_default();
            return self.line(node, &format!("node      is up again as OS process {os_pid}"));
        }
        let os_pids: Vec<u32> = self.ready.iter().copied().flatten().collect();
        if os_pids.len() == NODES {
            self.is_shown = true;
            for line in self.page.lines(&os_pids, Colours::of_results()) {
                output::line(&line)?;
            }
        }
        Ok(())
    }

    fn line(&self, node: &str, text: &str) -> Result<(), Stop> {
        let now = self.cx.processes().scheduler().now();
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        output::line(&format!("{seconds:7.1} s  {node}  {text}"))
    }

    /// Waits until all keepers have ended their nodes; each does so within its time limit.
    async fn wait_for_keepers(&mut self) {
        while self.news.recv().await.is_some() {}
    }
}

/// Names of which none is taken: n1, n2, n3, or all with the same number behind.
fn free_names(taken: &[(String, u16)]) -> Result<Vec<String>, Failure> {
    let names = |run: u32| -> Vec<String> {
        let suffix = if run == 1 { String::new() } else { format!("-{run}") };
        (1..=NODES).map(|number| format!("n{number}{suffix}")).collect()
    };
    let is_free = |names: &Vec<String>| !taken.iter().any(|(name, _port)| names.contains(name));
    let free = (1..=NAMES_TRIED_MAX).map(names).find(is_free);
    let free = free.ok_or_else(|| {
        Failure::new(Status::Machine, format!("{NAMES_TRIED_MAX} demos are running already"))
            .remedy("end some of them; `engset names` lists their nodes")
    })?;
    Ok(free.into_iter().map(|name| format!("{name}@127.0.0.1")).collect())
}

#[cfg(test)]
mod tests;
