//! `user`: the group leader of processes that have no other one. It serves the io protocol; what is written goes where
//! [`crate::Node::on_user_output`] says.

use super::io_protocol::{open, reply, serve};
use crate::node::Node;
use engset_otp::Child;
use engset_process::{Addr, Cx, Mail, MailboxLimits, SpawnOptions, WhenFull};
use engset_term::{Pid, Term};
use std::sync::Weak;

/// So many bytes of requests wait for `user` at most; more are dropped and counted.
pub(crate) const USER_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn child(node: &Weak<Node>) -> Child {
    let options = || SpawnOptions {
        mailbox: Some(MailboxLimits::bytes(USER_QUEUE_BYTES_MAX).when_full(WhenFull::DropNewest)),
        ..SpawnOptions::default()
    };
    let node = Weak::clone(node);
    super::process(options, "user", move |cx| run(cx, Weak::clone(&node)))
}

async fn run(mut cx: Cx<Term>, node: Weak<Node>) {
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        let Some((from, reply_as, request)) = open(&message) else { continue };
        let served = serve(request);
        if !served.output.is_empty()
            && let Some(node) = node.upgrade()
        {
            node.user_output(&served.output);
        }
        // One that is gone needs no answer.
        drop(cx.send(from, reply(reply_as, served.reply)));
    }
}

/// A group leader whose output goes to `caller` in messages `{rex_stdout, Chars}`, as a C node wants it that calls with
/// `send_stdout_to_caller`. It ends when told
/// `stop`, which is refused where too much waits for it: then it is killed.
pub(super) fn start_for(cx: &Cx<impl engset_process::Protocol>, caller: Pid) -> Option<Pid> {
    let options = SpawnOptions {
        mailbox: Some(MailboxLimits::bytes(USER_QUEUE_BYTES_MAX).when_full(WhenFull::Refuse)),
        ..SpawnOptions::default()
    };
    let body = move |mut cx: Cx<Term>| async move {
        loop {
            let Mail::Message(message) = cx.recv().await else { continue };
            if message.is_atom("stop") {
                return;
            }
            let Some((from, reply_as, request)) = open(&message) else { continue };
            let served = serve(request);
            if !served.output.is_empty() {
                let chars = Term::string(&served.output);
                drop(cx.send(caller, Term::tuple([Term::atom("rex_stdout"), chars])));
            }
            drop(cx.send(from, reply(reply_as, served.reply)));
        }
    };
    cx.processes().spawn(options, body).ok().map(|addr: Addr<Term>| addr.pid())
}
