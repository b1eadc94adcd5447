//! `engset call`: a request to a gen_server on any node, with terms as they are typed in Erlang.

use crate::commands::ping::is_auth;
use crate::failure::{Failure, Status, Step, Stop};
use crate::output;
use crate::peer::{PeerFlags, Reached};
use engset::{Atom, CallError, Dynamic, Service, Term};

/// Send a request to a gen_server on a node and print its answer
///
/// NAME is the registered name of the server, TERM the request as it is typed in Erlang. An error says whether the
/// request may have been executed, so that you know whether it may be repeated.
///
/// Examples:
///   engset call n1@127.0.0.1 counter '{add, 3}'
///   engset call n1@127.0.0.1 counter get --timeout 2
///   engset call shop@db.example.org Elixir.Shop.Cart '{put, <<"book">>, 2}'
///   engset call n1@127.0.0.1 counter reset --cast
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    peer: PeerFlags,
    /// The registered name of the server; an Elixir module is named Elixir.Name
    #[arg(value_name = "NAME", value_parser = server_name)]
    server: Atom,
    /// The request, for example '{add, 3}'
    #[arg(value_name = "TERM", value_parser = term, allow_hyphen_values = true)]
    request: Term,
    /// Send a cast: do not wait for an answer of the server
    ///
    /// That the node has got the cast is made sure; whether somebody holds the name is not known.
    #[arg(long)]
    cast: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Stop> {
    let reached = arguments.peer.reach()?;
    let (server, request) = (arguments.server, arguments.request);
    if arguments.cast {
        cast(&reached, &server, request)?;
        return output::line(&format!("sent to {server} at {}", reached.peer));
    }
    let (peer, left) = (reached.peer, reached.time_left());
    let name = server.clone();
    let answer = reached.block_on(move |_cx| async move {
        Dynamic::call(&Service::at(name, peer), request).timeout(left).await
    })?;
    match answer {
        Ok(answer) => output::line(&answer.to_string()),
        Err(error) => Err(explain(&reached, &server, &error).into()),
    }
}

/// Sends the cast, and a question after it: what is asked on the same connection arrives after the cast.
fn cast(reached: &Reached, server: &Atom, request: Term) -> Result<(), Failure> {
    let (peer, name) = (reached.peer, server.clone());
    let sent =
        reached.block_on(move |_cx| async move { Dynamic::cast(&Service::at(name, peer), request) })?;
    if let Err(error) = sent {
        let summary = format!("the cast to {server} at {peer} was not sent: {error}");
        return Err(Failure::new(Status::Usage, summary).step(Step::Call).ran(false));
    }
    is_auth(reached).map(drop).map_err(|failure| failure.ran(true))
}

fn explain(reached: &Reached, server: &Atom, error: &CallError) -> Failure {
    let (peer, limit) = (reached.peer, reached.limit);
    let failure = match error {
        CallError::NoProcess => Failure::new(
            Status::NotFound,
            format!("nobody is registered as {server} at {peer}"),
        )
        .step(Step::Name)
        .check("on an Erlang node `registered()` lists the names; those of Elixir modules begin with Elixir.")
        .remedy("correct the name, or start the server"),
        CallError::Down { reason, .. } => Failure::new(
            Status::Remote,
            format!("{server} at {peer} ended before it answered"),
        )
        .step(Step::Call)
        .check(format!("its reason: {reason}"))
        .remedy("look into its node's log; a server that does not expect a request often ends in this way"),
        CallError::Timeout { .. } => {
            Failure::new(Status::Unreachable, format!("{server} at {peer} did not answer within {limit:?}"))
                .timeout(Step::Call)
                .remedy("allow more time by --timeout, or find out what the server waits for")
        }
        CallError::Unreachable => {
            Failure::new(Status::Unreachable, format!("no connection to {peer} could be made"))
                .step(Step::Call)
                .remedy("find out why: engset ping")
        }
        CallError::NodeDown => Failure::new(
            Status::Unreachable,
            format!("the connection to {peer} was lost before {server} answered"),
        )
        .step(Step::Call)
        .remedy("find out whether the node still runs: engset ping"),
        CallError::NotUnderstood(why) => {
            Failure::new(Status::Remote, format!("{server} at {peer} does not know such a request"))
                .step(Step::Call)
                .check(why.clone())
                .remedy("correct the request; quote it for the shell: '{add, 3}'")
        }
        error => {
            Failure::new(Status::Remote, format!("the call of {server} at {peer} brought no answer: {error}"))
                .step(Step::Call)
        }
    };
    failure.ran(error.maybe_executed())
}

/// A name as an atom is written in Erlang, or as it is.
fn server_name(text: &str) -> Result<Atom, String> {
    if let Ok(Term::Atom(name)) = Term::parse(text) {
        return Ok(name);
    }
    if text.is_empty() {
        return Err("the name is empty".to_owned());
    }
    Atom::new(text).map_err(|error| error.to_string())
}

fn term(text: &str) -> Result<Term, String> {
    Term::parse(text).map_err(|error| format!("not a term: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{server_name, term};

    #[test]
    fn names_are_written_as_in_erlang_or_as_they_are() {
        for (written, name) in
            [("counter", "counter"), ("'a b'", "a b"), ("Elixir.Shop", "Elixir.Shop"), ("a b", "a b")]
        {
            assert_eq!(server_name(written).unwrap().as_str(), name);
        }
        assert!(server_name("").is_err());
        assert!(server_name(&"x".repeat(255)).is_ok());
        assert!(server_name(&"x".repeat(256)).is_err());
    }

    #[test]
    fn what_is_no_term_says_where() {
        assert!(term("{add, 3}").is_ok());
        assert!(term("{add, 3").unwrap_err().starts_with("not a term: "));
    }
}
