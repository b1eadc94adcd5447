//! `sys`: what a process shows of itself, asked for on its own node. Sends the process `{system, {Self, Ref}, Request}`
//! and watches it; what else arrives meanwhile stays where it is.

use super::{Functions, Raise, RemoteCall};
use crate::node::Node;
use engset_process::{Dest, Mail};
use engset_term::{Reference, Term};
use std::time::Duration;

/// So long an answer is awaited where the caller says nothing, as in OTP.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn allow(functions: &Functions) {
    for request in ["get_status", "get_state"] {
        for arity in [1, 2] {
            functions.allow("sys", request, arity, move |call| ask(call, request));
        }
    }
}

/// `sys:Request(Process)` and `sys:Request(Process, Timeout)`.
async fn ask(mut call: RemoteCall, request: &'static str) -> Result<Term, Raise> {
    let args = call.args();
    let to = args.first().and_then(|process| dest(process, call.node())).ok_or_else(Raise::badarg)?;
    let patience = match args.get(1) {
        None => Some(PATIENCE),
        Some(timeout) if timeout.is_atom("infinity") => None,
        Some(timeout) => {
            let millis = timeout.as_int().and_then(|millis| u64::try_from(millis).ok());
            Some(Duration::from_millis(millis.ok_or_else(Raise::badarg)?))
        }
    };
    let function = [Term::atom("sys"), Term::atom(request), Term::list(args.iter().cloned())];
    let cx = call.cx();
    let monitor = cx.monitor(to.clone());
    let from = Term::tuple([Term::Pid(cx.pid()), Term::from(monitor)]);
    // One that is not there is told of by the monitor.
    drop(cx.send(to, Term::tuple([Term::atom("system"), from, Term::atom(request)])));
    let of_it = move |mail: Mail<Term>| match mail {
        Mail::Down(down) if down.reference == monitor => Ok(Err(down.reason.to_term())),
        Mail::Message(message) => answer(&message, monitor).map(Ok).ok_or(Mail::Message(message)),
        mail => Err(mail),
    };
    let told = match patience {
        Some(patience) => cx.receive_timeout(patience, of_it).await,
        None => Some(cx.receive(of_it).await),
    };
    cx.demonitor(monitor);
    match told.unwrap_or_else(|| Err(Term::atom("timeout"))) {
        Ok(answer) if request == "get_state" => match answer.as_tuple() {
            Some([error, reason]) if error.is_atom("error") => Err(Raise::Error(reason.clone())),
            _ => Ok(answer),
        },
        Ok(answer) => Ok(answer),
        Err(reason) => Err(Raise::Exit(Term::tuple([reason, Term::tuple(function)]))),
    }
}

/// What a message `{Ref, Answer}` answers.
fn answer(message: &Term, reference: Reference) -> Option<Term> {
    let [tag, answer] = message.as_tuple()? else { return None };
    (tag.as_ref_id() == Some(reference)).then(|| answer.clone())
}

/// A process of this node as `sys` is given it: a pid, a name, or `{Name, Node}`. Of others their own nodes are asked:
/// a call is no way to have this node connect to them.
fn dest(process: &Term, node: &Node) -> Option<Dest> {
    if let Some(pid) = process.as_pid() {
        return (pid.node() == node.here()).then_some(Dest::Pid(pid));
    }
    if let Some(name) = process.as_atom() {
        return Some(Dest::Name(name.clone()));
    }
    let [name, at] = process.as_tuple()? else { return None };
    (at.as_atom()?.as_str() == node.name().text()).then_some(Dest::Name(name.as_atom()?.clone()))
}
