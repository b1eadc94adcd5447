//! `watcher`: what a node knows of other nodes, and has others told of.
//!
//! Orders: `{monitor_nodes, Pid, Options, To}`, `{demonitor_nodes, Pid, Options, To}`, `{monitor_node, Pid, Node, To}`,
//! `{demonitor_node, Pid, Node, To}`, `{nodes, To}`, `{connect, Node, To}`, `{disconnect, Node, To}`. `Pid` is a process
//! of this node, the options are those of `net_kernel:monitor_nodes/2`, and `To` is told `{watched, Outcome}`.

use engset::net::{MonitorNodes, NodeCore, NodeInfo, NodeType};
use engset::{Atom, Cx, Mail, NodeName, Pid, Term};
use std::sync::Arc;
use tokio::sync::oneshot;

pub(super) async fn run(mut cx: Cx<Term>, node: Arc<NodeCore>) {
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        if let Some((to, outcome)) = obey(&node, &message).await {
            // Whoever asked and is gone needs no answer.
            drop(cx.send(to, Term::tuple([Term::atom("watched"), outcome])));
        }
    }
}

/// Does what an order says; whom to tell which outcome.
async fn obey(node: &Arc<NodeCore>, message: &Term) -> Option<(Pid, Term)> {
    let (order, arguments) = message.as_tuple()?.split_first()?;
    let (to, arguments) = arguments.split_last()?;
    let to = to.as_pid()?;
    let outcome = match (order.as_atom()?.as_str(), arguments) {
        ("monitor_nodes", [pid, given]) => {
            Term::from(node.monitor_nodes(pid.as_pid()?, options(given)?).is_ok())
        }
        ("demonitor_nodes", [pid, given]) => {
            Term::from(node.demonitor_nodes(pid.as_pid()?, options(given)?) as u64)
        }
        ("monitor_node", [pid, peer]) => Term::from(node.monitor_node(pid.as_pid()?, name(peer)?).is_ok()),
        ("demonitor_node", [pid, peer]) => Term::from(node.demonitor_node(pid.as_pid()?, name(peer)?)),
        ("nodes", []) => Term::list(node.connected().into_iter().filter_map(|(peer, visible)| {
            Some(Term::tuple([Term::Atom(Atom::new(&peer.text()).ok()?), Term::from(visible)]))
        })),
        ("connect", [peer]) => {
            let (sender, connected) = oneshot::channel();
            node.connect(name(peer)?, move |result| {
                // The watcher waits for exactly this.
                drop(sender.send(result.map_err(|error| error.to_string())));
            });
            match connected.await.ok()? {
                Ok(()) => Term::atom("true"),
                Err(error) => Term::string(&error),
            }
        }
        ("disconnect", [peer]) => Term::from(node.disconnect(name(peer)?)),
        _ => return None,
    };
    Some((to, outcome))
}

fn name(term: &Term) -> Option<NodeName> {
    NodeName::new(term.as_atom()?.as_str()).ok()
}

/// The options of `net_kernel:monitor_nodes/2`; `None` where one is none of them.
fn options(given: &Term) -> Option<MonitorNodes> {
    let mut options = MonitorNodes::default();
    for option in given.as_proper_list()? {
        match (option.as_atom().map(Atom::as_str), option.as_tuple()) {
            (Some("nodedown_reason"), _) => {
                options.nodedown_reason = true;
                options.info = NodeInfo::List;
            }
            (Some("connection_id"), _) => options.connection_id = true,
            (_, Some([tag, kind])) if tag.is_atom("node_type") => {
                options.node_type = Some(match kind.as_atom()?.as_str() {
                    "visible" => NodeType::Visible,
                    "hidden" => NodeType::Hidden,
                    "all" => NodeType::All,
                    _ => return None,
                });
                options.info = NodeInfo::List;
            }
            _ => return None,
        }
    }
    Some(options)
}
