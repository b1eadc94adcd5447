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

/// Sets a lock at all `nodes`, or at none. At a node that is lost meanwhile nobody can set it.
pub(super) async fn set_lock(
    me: Pid,
    resource: &Term,
    requester: &Term,
    nodes: &[NodeName],
    shared: &Shared,
) -> bool {
    if nodes.is_empty() {
        return true;
    }
    let is_hopeless = nodes.len() > 1 && nodes.contains(&me.node()) && !shared.can_lock(resource, requester);
    if is_hopeless {
        shared.want_lock(resource, requester);
        return false;
    }
    let answers = ask(me, nodes, &wire::lock_request("set_lock", resource, requester)).await;
    if answers.iter().all(|(_, answer)| answer.is_atom("true")) {
        return true;
    }
    // Also where there was no answer: it may have been set, and a node of OTP may keep it over the next connection.
    let is_refused =
        |node: &NodeName| answers.iter().any(|(of, answer)| of == node && !answer.is_atom("true"));
    let set: Vec<NodeName> = nodes.iter().copied().filter(|node| !is_refused(node)).collect();
    del_lock(me, resource, requester, &set).await;
    false
}

/// Takes a lock back at all `nodes`.
pub(super) async fn del_lock(me: Pid, resource: &Term, requester: &Term, nodes: &[NodeName]) {
    ask(me, nodes, &wire::lock_request("del_lock", resource, requester)).await;
}

/// Takes a lock back at all `nodes`, at the greatest at last: who asks there for it next finds all others free.
pub(super) async fn release(me: Pid, resource: &Term, requester: &Term, nodes: &[NodeName]) {
    let Some(boss) = nodes.iter().copied().reduce(NodeName::max) else { return };
    let others: Vec<NodeName> = nodes.iter().copied().filter(|node| *node != boss).collect();
    del_lock(me, resource, requester, &others).await;
    del_lock(me, resource, requester, &[boss]).await;
}
