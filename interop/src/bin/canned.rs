//! The canned node: serves `echo`, `counter`, `sink`, `source`, `spawner` and `watcher` to whoever knows the cookie.

use clap::Parser;
use engset::Node;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    /// The address to accept connections at; without, the loopback address of the name's host.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// Take two seconds of silence for the end of a peer, and one for that of a handshake.
    #[arg(long)]
    impatient: bool,
    /// End in order when standard input ends, so as not to outlive who started it.
    #[arg(long)]
    attached: bool,
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
    let builder = Node::builder().name(&options.name).cookie(&options.cookie).visible(!options.hidden);
    let builder = match options.impatient {
        true => builder.adjust(|config| {
            config.tick.net_ticktime = Duration::from_secs(2);
            config.handshake_timeout = Duration::from_secs(1);
        }),
        false => builder,
    };
    let node = match options.listen {
        Some(listen) => builder.listen(listen).start()?,
        None => builder.start()?,
    };
    interop::canned::allow(node.functions());
    node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) })??;
    interop::canned::watch(node.node())?;
    // Whoever reads that the node is ready may end it at once.
    let ends = node.block_on(|_cx| async { Ends::new() })??;
    let mut stdout = io::stdout();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    let attached = options.attached;
    node.block_on(move |_cx| async move {
        tokio::select! {
            () = ends.any() => {}
            _ = engset::blocking(end_of_input), if attached => {}
        }
    })?;
    node.stop();
    Ok(())
}

/// The signals that end the node in order.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    /// From here on they do not end the program any more. To be called on a worker.
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Returns when standard input has ended.
fn end_of_input() -> io::Result<u64> {
    io::copy(&mut io::stdin(), &mut io::sink())
}

fn tracing_error(error: &dyn std::error::Error) {
    // Whoever started it and reads nothing learns it by the exit status.
    drop(writeln!(io::stderr(), "error: {error}"));
}
