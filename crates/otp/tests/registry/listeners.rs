//! What listeners hear.

use crate::stage::{each_seed, end_of, nothing_comes, settle, yield_now};
use crate::workers::{Names, register, unregister, worker};
use engset_otp::registry::{Keys, Registry, RegistryEvent};
use engset_process::{Cx, ExitReason, Mail, Protocol, SpawnOptions};
use engset_term::{Pid, Term};

struct Heard(RegistryEvent<&'static str, u32>);

impl Protocol for Heard {}

/// Listeners hear of each registration with its value, and of each end: by hand, and by the end of the process.
#[test]
fn listeners_hear_of_registrations_and_their_ends() {
    each_seed(|mut cx| async move {
        let names = heard_by(&cx, Keys::Duplicate).await;
        let other = worker(&cx, &names);
        register(other, "a", 1).await.unwrap();
        register(other, "a", 2).await.unwrap();
        unregister(other, "a").await.unwrap();
        unregister(other, "a").await.unwrap();
        register(other, "b", 3).await.unwrap();
        cx.exit(other.pid(), ExitReason::Kill);
        end_of(&mut cx, other.pid()).await;
        let pid = other.pid();
        let (one, two, three) = (on("a", pid, 1), on("a", pid, 2), on("b", pid, 3));
        let expected = [one, two, off("a", pid), off("a", pid), three, off("b", pid)];
        for event in expected {
            assert_eq!(next(&mut cx).await, event);
        }
        nothing_comes(&mut cx).await;
    });
}

/// What is refused or changes nothing is not told.
#[test]
fn listeners_do_not_hear_of_what_is_refused() {
    each_seed(|mut cx| async move {
        let names = heard_by(&cx, Keys::Unique).await;
        names.register("a", 1).unwrap();
        names.register("a", 2).unwrap_err();
        names.unregister(&"b").unwrap();
        assert_eq!(next(&mut cx).await, on("a", cx.pid(), 1));
        nothing_comes(&mut cx).await;
    });
}

/// Who takes the key of a dead process before the registry has heard of its end tells of that end first, and once.
#[test]
fn the_end_of_a_holder_is_told_once() {
    each_seed(|mut cx| async move {
        let names = heard_by(&cx, Keys::Unique).await;
        let other = worker(&cx, &names);
        register(other, "a", 1).await.unwrap();
        assert_eq!(next(&mut cx).await, on("a", other.pid(), 1));
        cx.exit(other.pid(), ExitReason::Kill);
        while cx.processes().is_alive(other.pid()) {
            yield_now().await;
        }
        names.register("a", 2).unwrap();
        settle(&cx).await;
        let mut events = [next(&mut cx).await, next(&mut cx).await];
        // Where the registry itself heard of the end, it told on its own.
        events.sort_by_key(|event| !event.starts_with('-'));
        assert_eq!(events, [off("a", other.pid()), on("a", cx.pid(), 2)]);
        nothing_comes(&mut cx).await;
    });
}

/// A listener that has ended disturbs nobody.
#[test]
fn a_listener_that_has_ended_is_no_obstacle() {
    each_seed(|mut cx| async move {
        let (gone, watch) = cx.spawn_monitor(SpawnOptions::default(), |_cx: Cx<Heard>| async {}).unwrap();
        let Mail::Down(down) = cx.recv().await else { panic!("it ends") };
        assert_eq!(down.reference, watch);
        let before = cx.processes().counters().read().dropped;
        let names: Names = Registry::builder(Keys::Unique).listener(&gone, Heard).start().await.unwrap();
        names.register("a", 1).unwrap();
        assert_eq!(cx.processes().counters().read().dropped, before + 1);
    });
}

/// A registry whose events the test hears as text, by a process that tells them.
async fn heard_by(cx: &Cx<Term>, keys: Keys) -> Names {
    let me = cx.pid();
    let teller = cx.spawn(move |mut cx: Cx<Heard>| async move {
        while let Mail::Message(Heard(event)) = cx.recv().await {
            let text = match event {
                RegistryEvent::Registered { key, pid, value } => on(key, pid, value),
                RegistryEvent::Unregistered { key, pid } => off(key, pid),
            };
            cx.send(me, Term::string(&text)).unwrap();
        }
    });
    Registry::builder(keys).listener(&teller.unwrap(), Heard).start().await.unwrap()
}

fn on(key: &str, pid: Pid, value: u32) -> String {
    format!("+{key} {pid} {value}")
}

fn off(key: &str, pid: Pid) -> String {
    format!("-{key} {pid}")
}

async fn next(cx: &mut Cx<Term>) -> String {
    let Mail::Message(term) = cx.recv().await else { panic!("only events come") };
    String::from_utf8(term.as_binary().unwrap().to_vec()).unwrap()
}
