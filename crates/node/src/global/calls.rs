//! What is asked of the name servers of several nodes at once: locks and names.

use super::server::GlobalMsg;
use super::{NAME_SERVER, Shared, wire};
use engset_otp::{Call, Calls};
use engset_process::Service;
use engset_term::{NodeName, Pid, Term};

/// Asks the name servers of all `nodes`, in the name of the process `me`; what those answered that did. A node that is
/// lost, or has no name server, answers nothing.
pub(super) async fn ask(me: Pid, nodes: &[NodeName], request: &Term) -> Vec<(NodeName, Term)> {
    let mut calls = Calls::new();
    for node in nodes {
        let server = Service::at(NAME_SERVER, *node);
        let call = Call::new(&server, |reply| GlobalMsg::Call { from: me, request: request.clone(), reply });
        calls.push(*node, call.no_timeout());
    }
    let mut answers = Vec::new();
    while let Some((node, answer)) = calls.next().await {
        if let Ok(answer) = answer {
            answers.push((node, answer));
        }
    }
    answers
}

/// Whether the name server of a node knows this one; `None` where it does not answer.
pub(super) async fn knows(me: Pid, node: NodeName) -> Option<bool> {
    let server = Service::at(NAME_SERVER, node);
    let request = Term::atom("get_known");
    let call = Call::new(&server, |reply| GlobalMsg::Call { from: me, request, reply });
    let known = call.await.ok()?;
    let me = wire::node_term(me.node());
    // Of what is no list of nodes nothing can be said.
    let known = known.as_proper_list()?;
    known.iter().all(|node| node.as_atom().is_some()).then(|| known.contains(&me))
}

/// Sets a lock at all `nodes`, or at none: where it may have been set all the same, since there was no answer, is told then.
/// At a node that is lost meanwhile nobody can set it.
pub(super) async fn set_lock(
    me: Pid,
    resource: &Term,
    requester: &Term,
    nodes: &[NodeName],
    shared: &Shared,
) -> Result<(), Vec<NodeName>> {
    if nodes.is_empty() {
        return Ok(());
    }
    let is_hopeless = nodes.len() > 1 && nodes.contains(&me.node()) && !shared.can_lock(resource, requester);
    if is_hopeless {
        shared.want_lock(resource, requester);
        return Err(Vec::new());
    }
    let answers = ask(me, nodes, &wire::lock_request("set_lock", resource, requester)).await;
    if answers.iter().all(|(_, answer)| answer.is_atom("true")) {
        return Ok(());
    }
    // Also where there was no answer: it may have been set, and a node of OTP may keep it over the next connection.
    let is_refused =
        |node: &NodeName| answers.iter().any(|(of, answer)| of == node && !answer.is_atom("true"));
    let set: Vec<NodeName> = nodes.iter().copied().filter(|node| !is_refused(node)).collect();
    Err(del_lock(me, resource, requester, &set).await)
}

/// Takes a lock back at all `nodes`; those that did not answer, where it may still be set.
pub(super) async fn del_lock(
    me: Pid,
    resource: &Term,
    requester: &Term,
    nodes: &[NodeName],
) -> Vec<NodeName> {
    let answers = ask(me, nodes, &wire::lock_request("del_lock", resource, requester)).await;
    nodes.iter().copied().filter(|node| !answers.iter().any(|(of, _)| of == node)).collect()
}

/// Takes a lock back at all `nodes`, at the greatest at last: who asks there for it next finds all others free. Those that
/// did not answer are told.
pub(super) async fn release(me: Pid, resource: &Term, requester: &Term, nodes: &[NodeName]) -> Vec<NodeName> {
    let Some(boss) = nodes.iter().copied().reduce(NodeName::max) else { return Vec::new() };
    let others: Vec<NodeName> = nodes.iter().copied().filter(|node| *node != boss).collect();
    let mut silent = del_lock(me, resource, requester, &others).await;
    silent.extend(del_lock(me, resource, requester, &[boss]).await);
    silent
}
