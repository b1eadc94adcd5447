//! `net_kernel`: answers whether this node is here, which is what `net_adm:ping/1` asks.

use crate::node::Node;
use engset_otp::{Child, Dynamic, Server};
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

impl Server for NetKernel {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn handle(&mut self, message: Dynamic, _cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match message {
            Dynamic::Call(request, reply) => match request.as_tuple() {
                Some([tag, _node]) if tag.is_atom("is_auth") => reply.send(Term::atom("yes")),
                // What `net_kernel:connect_node/1` asks on its own node; a peer may call it there.
                Some([tag, _type, peer]) if tag.is_atom("connect") => {
                    let peer = peer.as_atom().and_then(|name| NodeName::new(name.as_str()).ok());
                    let (Some(node), Some(peer)) = (self.node.upgrade(), peer) else {
                        reply.send(Term::atom("false"));
                        return Ok(());
                    };
                    node.connect(peer, move |made| {
                        reply.send(Term::atom(if made.is_ok() { "true" } else { "false" }));
                    });
                }
                // Whatever else a peer asks of its own kind: an answer keeps it from waiting.
                _ => reply.send(Term::tuple([Term::atom("error"), Term::atom("notsup")])),
            },
            Dynamic::Cast(_) => {}
        }
        Ok(())
    }
}
