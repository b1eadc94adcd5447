//! `net_kernel`: answers whether this node is here, which is what `net_adm:ping/1` asks.

use engset_otp::{Dynamic, Server, StartError, start_on};
use engset_process::{Addr, Cx, Exit, Processes};
use engset_term::{Atom, Term};
use std::sync::Arc;

pub(super) async fn start(processes: &Arc<Processes>) -> Result<(), StartError> {
    start_on(processes, Some(Atom::from_static("net_kernel")), NetKernel).await.map(|_addr| ())
}

struct NetKernel;

impl Server for NetKernel {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn handle(&mut self, message: Dynamic, _cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match message {
            Dynamic::Call(request, reply) => match request.as_tuple() {
                Some([tag, _node]) if tag.is_atom("is_auth") => reply.send(Term::atom("yes")),
                // Whatever else a peer asks of its own kind: an answer keeps it from waiting.
                _ => reply.send(Term::tuple([Term::atom("error"), Term::atom("notsup")])),
            },
            Dynamic::Cast(_) => {}
        }
        Ok(())
    }
}
