//! One message and one failure on their way through two nodes, step by step.

use engset_process::{Cx, Exit, ExitReason, Mail, SpawnOptions};
use engset_sim::World;
use engset_term::{Atom, Term};
use std::time::Duration;

#[test]
fn a_message_and_a_failure_go_from_node_to_node() {
    let mut world = World::new(1);
    let a = world.start("a@sim");
    let b = world.start("b@sim");

    let note = world.notebook();
    let serve = move |mut cx: Cx<Term>| async move {
        note("the server waits under its name".to_owned());
        let Mail::Message(request) = cx.recv().await else { return Err(Exit(ExitReason::Kill)) };
        note(format!("the server takes {request} from its mailbox"));
        let Some([client, _]) = request.as_tuple() else { return Err(Exit(ExitReason::Kill)) };
        let client = client.as_pid().ok_or(Exit(ExitReason::Kill))?;
        drop(cx.send(client, Term::tuple([Term::atom("hello"), Term::from(cx.pid())])));
        note("the server answers".to_owned());
        let Mail::Message(next) = cx.recv().await else { return Err(Exit(ExitReason::Kill)) };
        note(format!("the server takes {next} and fails"));
        Err::<(), Exit>(Exit(ExitReason::from_term(Term::atom("boom"))))
    };
    let server = SpawnOptions { name: Some(Atom::from_static("server")), ..SpawnOptions::default() };
    b.processes().spawn(server, serve).expect("there is room");
    world.run_for(Duration::from_secs(1));

    let note = world.notebook();
    let peer = b.name();
    let ask = move |mut cx: Cx<Term>| async move {
        cx.trap_exit(true);
        let request = Term::tuple([Term::from(cx.pid()), Term::atom("hello")]);
        note("the client sends to a name on b: no connection yet, so the signal waits".to_owned());
        drop(cx.send(engset_process::Dest::RemoteName(Atom::from_static("server"), peer), request));
        let Mail::Message(answer) = cx.recv().await else { return };
        note(format!("the client takes {answer} from its mailbox"));
        let server = answer.as_tuple().and_then(|parts| parts.last()?.as_pid()).expect("a pid");
        cx.link(server);
        _ = cx.monitor(server);
        drop(cx.send(server, Term::atom("fail")));
        note("the client links, monitors, and sends the message that is too much".to_owned());
        for _ in 0..2 {
            match cx.recv().await {
                Mail::Exit(trapped) => {
                    note(format!("the client traps the exit of {}: {}", trapped.from, trapped.reason));
                }
                Mail::Down(down) => note(format!("the client's monitor fires: {}", down.reason)),
                other => note(format!("{other:?}")),
            }
        }
    };
    a.processes().spawn(SpawnOptions::default(), ask).expect("there is room");
    world.run_for(Duration::from_secs(1));

    let told: Vec<String> = world.facts().iter().map(ToString::to_string).collect();
    let expected = "\
the server waits under its name
the client sends to a name on b: no connection yet, so the signal waits
a@sim dials b@sim
b@sim is connected to a@sim
a@sim is connected to b@sim
the server takes {<a@sim.1.0>,hello} from its mailbox
the server answers
the client takes {hello,<b@sim.1.0>} from its mailbox
the client links, monitors, and sends the message that is too much
the server takes fail and fails
the client traps the exit of <b@sim.1.0>: boom
the client's monitor fires: boom";
    assert_eq!(told.join("\n"), expected);
}
