//! Between two processes everything arrives in the order in which it was sent, whatever its kind and size.

use crate::stage::{SECOND, Seen, Stage, observer};
use engset_process::{Cx, Mail, SpawnOptions};
use engset_term::{Pid, Term};
use std::time::Duration;

const MESSAGES: i64 = 1_000;
const MIB: usize = 1024 * 1024;

#[test]
fn a_thousand_messages_with_links_and_exits_in_between() {
    for seed in 0..20 {
        let stage = Stage::new(seed);
        let seen = Seen::default();
        let receiver = observer(&stage.b, None, &seen, |_| {});
        let send = move |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            for number in 0..MESSAGES {
                drop(cx.send(receiver, Term::int(number)));
                match number % 40 {
                    0 => cx.link(receiver),
                    10 => _ = cx.monitor(receiver),
                    20 => cx.exit(receiver, Term::int(number).into()),
                    30 => cx.unlink(receiver),
                    35 => cx.sleep(Duration::from_micros(300)).await,
                    _ => {}
                }
            }
            cx.link(receiver);
            engset_process::ExitReason::from_term(Term::atom("done"))
        };
        stage.a.processes().spawn(SpawnOptions::default(), send).expect("there is room");
        stage.world.run_for(10 * SECOND);
        let expected: Vec<String> = (0..MESSAGES)
            .flat_map(|number| {
                let exit = (number % 40 == 20).then(|| format!("exit {number}"));
                [Some(format!("message {number}")), exit]
            })
            .flatten()
            .chain(["exit done".to_owned()])
            .collect();
        assert_eq!(seen.take(), expected, "seed {seed}");
    }
}

/// What a big message looks like in the notes.
fn weight(mail: &Mail<Term>) -> String {
    match mail {
        Mail::Message(Term::Tuple(parts)) => {
            let parts = parts.as_slice();
            let bytes = parts.get(1).and_then(Term::as_binary).map_or(0, <[u8]>::len);
            format!("{} {bytes}", parts[0])
        }
        other => crate::stage::line(other),
    }
}

fn sends(stage: &Stage, to: Pid, who: &'static str, sizes: &'static [usize], pause: Duration) {
    let send = move |cx: Cx<Term>| async move {
        for size in sizes {
            drop(cx.send(to, Term::tuple([Term::atom(who), Term::binary(vec![7; *size])])));
            cx.sleep(pause).await;
        }
    };
    stage.a.processes().spawn(SpawnOptions::default(), send).expect("there is room");
}

#[test]
fn small_messages_pass_between_the_fragments_of_large_ones() {
    for seed in 0..10 {
        let stage = Stage::new(seed);
        let seen = Seen::default();
        let notes = seen.clone();
        let receive = move |mut cx: Cx<Term>| async move {
            for _ in 0..8 {
                notes.note(weight(&cx.recv().await));
            }
        };
        let receiver = stage.b.processes().spawn(SpawnOptions::default(), receive).expect("room").pid();
        // The connection is up before, so that nothing waits for it.
        sends(&stage, receiver, "first", &[0], Duration::ZERO);
        stage.world.run_for(SECOND);
        sends(&stage, receiver, "big", &[3 * MIB, 10, 2 * MIB, 20], Duration::ZERO);
        stage.world.run_for(Duration::from_micros(10));
        sends(&stage, receiver, "small", &[1, 2, 3], Duration::from_micros(20));
        stage.world.run_for(10 * SECOND);
        let seen = seen.take();
        let of = |who: &str| -> Vec<String> {
            seen.iter().filter(|line| line.starts_with(who)).cloned().collect()
        };
        assert_eq!(of("big"), ["big 3145728", "big 10", "big 2097152", "big 20"], "seed {seed}");
        assert_eq!(of("small"), ["small 1", "small 2", "small 3"], "seed {seed}");
        let place = |line: &str| seen.iter().position(|other| other == line);
        assert!(place("small 3") < place("big 3145728"), "seed {seed}: {seen:?}");
    }
}
