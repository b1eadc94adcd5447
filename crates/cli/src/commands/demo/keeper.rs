//! Keeps one node of the demo running: starts its OS process, reads its reports, starts it again, ends it.

use super::report::Report;
use crate::cookie::COOKIE_VARIABLE;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a node may take to end before it is killed.
const END_WITHIN: Duration = Duration::from_millis(1500);
/// How long a new start waits after an end.
const START_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Ends in a row, none of them ready, after which the node is given up.
const FAILED_STARTS_MAX: u32 = 3;

/// What the nodes are told to do.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// The node's full name.
    pub(crate) name: String,
    pub(crate) cookie: String,
    /// How often its `flaky` crashes.
    pub(crate) period: Duration,
    /// The nodes on which it calls the roll.
    pub(crate) peers: Vec<String>,
}

/// What became of a node.
#[derive(Debug)]
pub(crate) enum News {
    /// It says something.
    Report(Report),
    /// Its OS process ended in this way; another one will be started.
    Ended(ExitStatus),
    /// It cannot be started, for this reason.
    GaveUp(String),
}

type Reports = Lines<BufReader<ChildStdout>>;

impl Keeper {
    /// Keeps node number `index` running until `stopped` says otherwise.
    pub(crate) async fn keep(
        self,
        index: usize,
        news: UnboundedSender<(usize, News)>,
        mut stopped: watch::Receiver<bool>,
    ) {
        // Nobody listens any more only when the demo is over.
        let tell = |what| drop(news.send((index, what)));
        let mut failed_starts = 0;
        while failed_starts < FAILED_STARTS_MAX {
            let (mut child, mut reports) = match self.start() {
                Ok(started) => started,
                Err(error) => return tell(News::GaveUp(error.to_string())),
            };
            failed_starts += 1;
            let forward = async {
                while let Ok(Some(line)) = reports.next_line().await {
                    if let Some(report) = Report::from_line(&line) {
                        if matches!(report, Report::Ready { .. }) {
                            failed_starts = 0;
                        }
                        tell(News::Report(report));
                    }
                }
            };
            tokio::select! {
                () = forward => {}
                () = until(&mut stopped) => return end(child).await,
            }
            match child.wait().await {
                Ok(status) => tell(News::Ended(status)),
                Err(error) => return tell(News::GaveUp(error.to_string())),
            }
            if timeout(START_AGAIN_AFTER, until(&mut stopped)).await.is_ok() {
                return;
            }
        }
        tell(News::GaveUp(format!("it ended {FAILED_STARTS_MAX} times without becoming ready")));
    }

    fn start(&self) -> io::Result<(Child, Reports)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("demo-node").arg(&self.name).arg(self.period.as_millis().to_string()).args(&self.peers);
        // Arguments are seen by everybody on the machine, the environment is not.
        command.env(COOKIE_VARIABLE, &self.cookie);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Its own process group: Ctrl-C is for the demo alone, which then ends the nodes in order.
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        Ok((child, BufReader::new(stdout).lines()))
    }
}

/// Waits for the end of the demo.
async fn until(stopped: &mut watch::Receiver<bool>) {
    // An error means that the demo is gone, which is its end too.
    stopped.wait_for(|stopped| *stopped).await.ok();
}

/// Ends a node by closing its standard input, or kills it.
async fn end(mut child: Child) {
    drop(child.stdin.take());
    if timeout(END_WITHIN, child.wait()).await.is_err() {
        // An error means that it has ended just now.
        child.kill().await.ok();
    }
}
