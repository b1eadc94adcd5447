//! The canned node: serves `echo`, `counter`, `sink`, `source` and `spawner` to whoever knows the cookie.

use clap::Parser;
use engset::Node;
use std::io::{self, Write};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// A node that does as it is told from outside.
#[derive(Parser)]
struct Options {
    /// The node's name, `name@host`.
    #[arg(long)]
    name: String,
    /// The secret shared with the nodes that drive it.
    #[arg(long)]
    cookie: String,
    /// Do not show in the peers' `nodes()`.
    #[arg(long)]
    hidden: bool,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing_error(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let node =
        Node::builder().name(&options.name).cookie(&options.cookie).visible(!options.hidden).start()?;
    node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) })??;
    let mut stdout = io::stdout();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    node.block_on(|_cx| async { wait_for_end().await })??;
    node.stop();
    Ok(())
}

async fn wait_for_end() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn tracing_error(error: &dyn std::error::Error) {
    // Whoever started it and reads nothing learns it by the exit status.
    drop(writeln!(io::stderr(), "error: {error}"));
}
