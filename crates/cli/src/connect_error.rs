//! From the errors of a connection to what the user reads: the step, what to look at, what to do.

use crate::cookie::Cookie;
use crate::failure::{Failure, Status, Step};
use engset::NodeName;
use engset::net::{CloseReason, ConnectError, DialError, HandshakeError, HandshakeStep, TlsError};

/// What to tell the user about `error`, with which a connection to `peer` failed.
pub(crate) fn explain_dial(peer: NodeName, error: &DialError, cookie: &Cookie) -> Failure {
    match (error.downcast_ref::<ConnectError>(), error.downcast_ref::<CloseReason>()) {
        (Some(error), _) => explain(peer, error),
        (None, Some(reason)) => explain_close(peer, reason, cookie),
        (None, None) => not_reached(peer, error),
    }
}

/// What to tell the user about `error`, which came from the way to `peer`.
pub(crate) fn explain(peer: NodeName, error: &ConnectError) -> Failure {
    let unreachable = |summary: String| Failure::new(Status::Unreachable, summary);
    match error {
        ConnectError::Resolve { host, error } => {
            unreachable(format!("{peer} cannot be found: the host {host} has no address"))
                .step(Step::Resolve)
                .check(format!("the resolver says: {error}"))
                .remedy("correct the part after the @, or enter the host in DNS or /etc/hosts")
        }
        ConnectError::NoEpmd { at, error } => unreachable(format!(
            "{peer} cannot be found: no EPMD answers at {at}"
        ))
        .step(Step::Epmd)
        .check(format!("the operating system says: {error}"))
        .remedy("start the node there; give ERL_EPMD_PORT the same value on both sides, and open that port"),
        ConnectError::Epmd { at, error } => {
            unreachable(format!("{peer} cannot be found: what answers at {at} is no EPMD"))
                .step(Step::Epmd)
                .check(error.to_string())
                .remedy("find out what listens there, or set ERL_EPMD_PORT")
        }
        ConnectError::UnknownNode { name, at } => {
            let host = peer.host_part();
            Failure::new(Status::NotFound, format!("{peer} is not running: EPMD at {at} knows no {name}"))
                .step(Step::Name)
                .check(format!("`engset names --host {host} --port {}` lists the nodes there", at.port()))
                .remedy("start the node, or correct the part before the @")
        }
        ConnectError::Tcp { at, error } => unreachable(format!("{peer} does not accept connections at {at}"))
            .step(Step::Tcp)
            .check(format!("the operating system says: {error}"))
            .check("EPMD says that the node listens there")
            .remedy(
                "open that port in the firewall; if the node has just ended, wait until EPMD has noticed",
            ),
        ConnectError::Timeout { step: engset::net::Step::Tls, at: Some(at) } => {
            unreachable(format!("{peer} was not reached: no TLS at {at} in time"))
                .timeout(Step::Tls)
                .check("a node without TLS looks like this, and a node that hangs")
                .remedy("leave --tls-dir out where the cluster uses no TLS; otherwise look at the node")
        }
        ConnectError::Timeout { step, at } => {
            let place = at.map_or_else(String::new, |at| format!(" from {at}"));
            unreachable(format!("{peer} was not reached: no answer{place} in time"))
                .timeout(step_of(*step))
                .check("a firewall that drops packets looks like this, and a host or node that hangs")
                .remedy("look at the other machine and at what is between")
        }
        ConnectError::Unix { path, error } => {
            unreachable(format!("{peer} does not accept connections at {}", path.display()))
                .step(Step::Unix)
                .check(format!("the operating system says: {error}"))
                .remedy("start the node, and give both sides the same directory")
        }
        ConnectError::Tls { at, error } => explain_tls(peer, (Step::Tls, &format!("{at}")), error),
        ConnectError::Quic { at, error } => explain_tls(peer, (Step::Quic, &format!("{at} (UDP)")), error),
        error => not_reached(peer, error),
    }
}

/// A failed connection over TLS or QUIC; its error says on which side what is wrong.
fn explain_tls(peer: NodeName, (step, place): (Step, &str), error: &TlsError) -> Failure {
    let carrier = if step == Step::Quic { "QUIC" } else { "TLS" };
    Failure::new(Status::Refused, format!("no {carrier} with {peer}: {}", error.fault))
        .step(step)
        .check(format!("at {place}: {}", error.error))
        .remedy(error.fault.remedy())
}

fn explain_close(peer: NodeName, reason: &CloseReason, cookie: &Cookie) -> Failure {
    match reason {
        CloseReason::Handshake(error) => explain_handshake(peer, error, cookie),
        CloseReason::Carrier(error) if tls_error(&**error).is_some() => match tls_error(&**error) {
            Some(error) => explain_tls(peer, (Step::Tls, "the beginning of the handshake"), error),
            None => not_reached(peer, reason),
        },
        reason => not_reached(peer, reason),
    }
}

/// The error of TLS in an error of the stream.
fn tls_error<'e>(error: &'e (dyn std::error::Error + Send + Sync + 'static)) -> Option<&'e TlsError> {
    error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref()
}

fn not_reached(peer: NodeName, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Status::Unreachable, format!("{peer} was not reached: {error}")).step(Step::Handshake)
}

fn explain_handshake(peer: NodeName, error: &HandshakeError, cookie: &Cookie) -> Failure {
    match error {
        HandshakeError::CookieMismatch { .. } | HandshakeError::ClosedByPeer { step: HandshakeStep::Ack } => {
            Failure::new(Status::Refused, format!("{peer} refused us: the cookies differ"))
                .step(Step::Cookie)
                .check(cookie.to_string())
                .remedy(
                "give the cookie of the other node by --cookie-file or ENGSET_COOKIE; on it, `erlang:get_cookie()` shows it",
            )
        }
        HandshakeError::Timeout { step } => Failure::new(
            Status::Unreachable,
            format!("{peer} was not reached: it accepted the connection and then said nothing"),
        )
        .timeout(Step::Handshake)
        .check(format!("awaited: {step}"))
        .remedy("look at the node: it hangs, or something else listens at its port"),
        HandshakeError::NameMismatch { got, .. } => {
            Failure::new(Status::NotFound, format!("another node answers in the place of {peer}"))
                .step(Step::Name)
                .check(format!("it calls itself {got}"))
                .remedy("use that name: both sides must write the host in the same way, short (`-sname`) or long (`-name`)")
        }
        HandshakeError::PeerSpeaksTls { .. } => {
            Failure::new(Status::Refused, format!("{peer} speaks TLS only"))
                .step(Step::Handshake)
                .check("its answer is a record of TLS")
                .remedy("give certificates by --tls-dir and --name, of a name that no node has; `engset cert add` makes them")
        }
        HandshakeError::MissingFlags(flags) => {
            Failure::new(Status::Refused, format!("{peer} cannot do what every node must: {flags}"))
                .step(Step::Handshake)
                .check("it is a node of OTP 24 or older, or no node of OTP")
                .remedy("run it on OTP 25 or later")
        }
        HandshakeError::NotAllowed | HandshakeError::Duplicate => {
            Failure::new(Status::Refused, format!("{peer} refused us: {error}"))
                .step(Step::Handshake)
                .remedy("look into its log, or try another --name")
        }
        error => {
            Failure::new(Status::Refused, format!("{peer} and we do not understand each other: {error}"))
                .step(Step::Handshake)
                .check("a node of OTP 25 or later is needed")
                .remedy("find out what listens at the node's port")
        }
    }
}

/// The step as the user reads it.
pub(crate) fn step_of(step: engset::net::Step) -> Step {
    match step {
        engset::net::Step::Resolve => Step::Resolve,
        engset::net::Step::Epmd => Step::Epmd,
        engset::net::Step::Tcp => Step::Tcp,
        engset::net::Step::Unix => Step::Unix,
        engset::net::Step::Tls => Step::Tls,
        engset::net::Step::Quic => Step::Quic,
        engset::net::Step::Handshake => Step::Handshake,
    }
}

#[cfg(test)]
mod tests;
