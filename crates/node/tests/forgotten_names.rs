//! The table of node names forgets those that nobody keeps, which a peer can bring about by naming many: what a node
//! knows of a peer must not be lost by that. In a program of its own, since all nodes of a program share the table.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::handshake::Cookie;
use engset_node::{Dial, FunctionLimits, NameForgotten, Network, Node, NodeConfig, PeerCookieError};
use engset_process::{Cx, Dest, Scheduler};
use engset_term::limits::NODE_NAMES_MAX;
use engset_term::{Atom, NodeName, Pid, Term};
use std::io;
use std::sync::{Arc, Mutex};

/// Notes whom it is to dial.
#[derive(Default)]
struct Notes(Mutex<Vec<Dial>>);

impl Network for Notes {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        self.0.lock().unwrap().push(dial);
    }
}

/// What a peer's pids can do to the table: afterwards it has only names that are kept, and these.
fn name_many() {
    for number in 0..2 * NODE_NAMES_MAX + 1 {
        NodeName::new(&format!("n{number}@invented")).unwrap();
    }
}

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

#[test]
fn what_is_known_of_a_peer_outlasts_many_names() {
    let mut config = NodeConfig::new(name("node@127.0.0.1"), 7, Cookie::new("secret").unwrap(), 1);
    config.functions = FunctionLimits { at_once_per_peer_max: 1, ..FunctionLimits::default() };
    let network = Arc::new(Notes::default());
    let node = Node::new(config, Scheduler::seeded(1), Arc::clone(&network) as Arc<dyn Network>);
    node.functions().allow("m", "wait", 0, |_| std::future::pending());

    // A peer that may call nothing, one for which a function runs, and one to which a connection is made.
    node.functions().deny(name("denied@127.0.0.1")).unwrap();
    let forgotten = name("forgotten@127.0.0.1");
    let call = |node: &Arc<Node>, peer: &str| {
        let there = Arc::clone(node);
        let from = Pid::new(name(peer), 7, 1, 0);
        node.processes()
            .block_on(move |cx: Cx<Term>| async move {
                if there.processes().whereis(&Atom::from_static("rex")).is_none() {
                    there.start_kernel().await.unwrap();
                }
                let request = Term::parse("{'$gen_cast',{cast,m,wait,[],user}}.").unwrap();
                let mut body = Vec::new();
                engset_etf::encode_body(&request, &mut body);
                there.processes().deliver(Some(from), &Dest::Name(Atom::from_static("rex")), body.into());
                cx.sleep(std::time::Duration::from_millis(1)).await;
            })
            .unwrap();
    };
    call(&node, "caller@127.0.0.1");
    let reached = Arc::new(Mutex::new(None));
    let done = Arc::clone(&reached);
    node.connect(name("far@127.0.0.1"), move |result| *done.lock().unwrap() = Some(result.is_ok()));

    name_many();

    // Nothing is set for whoever `gone@gone` is.
    assert_eq!(forgotten.text(), "gone@gone");
    assert_eq!(node.functions().deny(forgotten), Err(NameForgotten));
    let cookie = || Cookie::new("other").unwrap();
    assert_eq!(node.set_cookie(forgotten, cookie()), Err(PeerCookieError::Forgotten(NameForgotten)));
    let told = Arc::new(Mutex::new(None));
    let done = Arc::clone(&told);
    node.connect(forgotten, move |result| {
        *done.lock().unwrap() = result.err().map(|error| error.to_string());
    });
    assert_eq!(*told.lock().unwrap(), Some(NameForgotten.to_string()), "nobody is dialled");
    assert_eq!(node.set_cookie(name("forgotten@127.0.0.1"), cookie()), Ok(()));

    call(&node, "denied@127.0.0.1");
    call(&node, "caller@127.0.0.1");
    let counts = node.functions().counts();
    assert_eq!((counts.begun, counts.denied, counts.over_limit), (1, 1, 1), "{counts:?}");
    let dials = network.0.lock().unwrap().clone();
    assert_eq!(dials.len(), 1, "{dials:?}");
    let dial = dials[0];
    assert_eq!(dial.peer, name("far@127.0.0.1"), "the name of a peer that is dialled is kept");
    node.dial_failed(dial.peer, dial.attempt, Arc::new(io::Error::other("nobody is there")));
    assert_eq!(*reached.lock().unwrap(), Some(false));
}
