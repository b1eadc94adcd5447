//! `net_kernel`: answers whether this node is here, which is what `net_adm:ping/1` asks, whether its names are long ones,
//! and whether it is connected to another node.

use crate::node::Node;
use engset_otp::{Child, Dynamic, Reply, Server};
use engset_process::{Addr, Cx, Exit};
use engset_term::{Atom, NodeName, Term};
use std::sync::Weak;

pub(super) fn child(node: &Weak<Node>) -> Child {
    let node = Weak::clone(node);
    Child::named_server(Atom::from_static("net_kernel"), move || NetKernel { node: Weak::clone(&node) })
}

struct NetKernel {
    node: Weak<Node>,
}

impl NetKernel {
    /// What `net_kernel:connect_node/1` asks on its own node. A connection is made for a peer as by the function: where
    /// peers may change something.
    fn connect(&self, peer: &Term, reply: Reply<Term>) {
        let truth = |is: bool| Term::atom(if is { "true" } else { "false" });
        let peer = peer.as_atom().and_then(|name| NodeName::new(name.as_str()).ok());
        let (Some(node), Some(peer)) = (self.node.upgrade(), peer) else { return reply.send(truth(false)) };
        if peer == node.name() || node.link(peer).is_some() || !node.functions().lets_change() {
            return reply.send(truth(peer == node.name() || node.link(peer).is_some()));
        }
        node.connect(peer, move |made| reply.send(truth(made.is_ok())));
    }
}

impl Server for NetKernel {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn handle(&mut self, message: Dynamic, cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match message {
            Dynamic::Call(request, reply) => match request.as_tuple() {
                Some([tag, _node]) if tag.is_atom("is_auth") => reply.send(Term::atom("yes")),
                Some([tag, _type, peer]) if tag.is_atom("connect") => self.connect(peer, reply),
                None if request.is_atom("longnames") => {
                    let is_long = cx.node().host_part().contains('.');
                    reply.send(Term::atom(if is_long { "true" } else { "false" }));
                }
                // Whatever else a peer asks of its own kind: an answer keeps it from waiting.
                _ => reply.send(Term::tuple([Term::atom("error"), Term::atom("notsup")])),
            },
            Dynamic::Cast(_) => {}
        }
        Ok(())
    }
}
