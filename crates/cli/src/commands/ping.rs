//! `engset ping`: is a node there, and if not, which step fails.

use crate::failure::{Failure, Status, Step, Stop};
use crate::output;
use crate::peer::{PeerFlags, Reached};
use engset::{Atom, CallError, Dynamic, Service, Term};
use std::time::Duration;

/// Ask whether a node is there; an error names the step that failed
///
/// Connects as a hidden node with a name of its own, asks, and leaves. Works with Erlang, Elixir and Engset nodes.
///
/// The steps are: resolve (the host), epmd (which knows the nodes of the host), name (of the node), tcp, handshake,
/// and cookie. The port of EPMD is ERL_EPMD_PORT, or 4369.
///
/// Examples:
///   engset ping n1@127.0.0.1
///   engset ping shop@db.example.org --cookie-file /etc/shop/cookie --timeout 2
///   engset ping shop@10.0.0.1 --port 4370
///   engset ping shop@here --unix-dir /run/shop/nodes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    peer: PeerFlags,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Stop> {
    let reached = arguments.peer.reach()?;
    let took = is_auth(&reached)?;
    let (peer, connected) = (reached.peer, reached.took);
    let text = format!("pong from {peer} in {} (connected in {})", millis(took), millis(connected));
    output::line(&text)
}

/// Asks the node's `net_kernel` whether it is there, as `net_adm:ping/1` does; how long the answer took.
pub(crate) fn is_auth(reached: &Reached) -> Result<Duration, Failure> {
    let (peer, left, limit) = (reached.peer, reached.time_left(), reached.limit);
    let (answer, took) = reached.block_on(move |cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        let began = scheduler.now();
        let net_kernel = Service::at(Atom::from_static("net_kernel"), peer);
        let me = Atom::new(&cx.node().text()).map_or_else(|_| Term::atom("undefined"), Term::Atom);
        let question = Term::tuple([Term::atom("is_auth"), me]);
        let answer = Dynamic::call(&net_kernel, question).timeout(left).await;
        (answer, scheduler.now().saturating_duration_since(began))
    })?;
    let failure = match answer {
        Ok(answer) if answer.is_atom("yes") => return Ok(took),
        Ok(answer) => {
            Failure::new(Status::Remote, format!("{peer} is there, but answered {answer} instead of yes"))
        }
        Err(CallError::Timeout { .. }) => Failure::new(
            Status::Unreachable,
            format!("{peer} accepted the connection, but did not answer within {limit:?}"),
        )
        .timeout(Step::Call)
        .remedy("look at the node: it hangs, or is very busy"),
        Err(CallError::NoProcess) => {
            Failure::new(Status::Remote, format!("{peer} accepted the connection, but has no net_kernel"))
                .step(Step::Call)
        }
        Err(error) => {
            Failure::new(Status::Unreachable, format!("{peer} accepted the connection, then: {error}"))
                .step(Step::Call)
        }
    };
    Err(failure)
}

/// A duration as people say it.
fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
