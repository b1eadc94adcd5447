//! Name servers as values: two of them agree, whatever the order, and nothing is left of what was cut off.

use super::GlobalLimits;
use super::locker::LockerMsg;
use super::state::{Birth, Effect, Garbage, State};
use super::tables::{Entry, GLOBAL};
use super::wire::Op;
use engset_term::{Instant, NodeName, Pid, Term};
use std::collections::BTreeSet;

const NOW: Instant = Instant::ZERO;

fn node(name: &str) -> NodeName {
    NodeName::new(name).expect("a name")
}

fn state(name: &str, limits: GlobalLimits) -> State {
    let pid = |number| Pid::new(node(name), 1, number, 0);
    State::new(Birth {
        me: pid(1),
        locker: pid(2),
        limits,
        is_visible: true,
        prevents_overlap: true,
        incarnation: 7,
    })
}

fn a() -> State {
    state("a@g", GlobalLimits::default())
}

fn term(text: &str) -> Term {
    Term::parse(text).expect("a term")
}

/// The peer's locker.
fn locker() -> Pid {
    Pid::new(node("b@g"), 1, 2, 0)
}

fn init_connect(tag: i64) -> Term {
    super::wire::init_connect(node("b@g"), tag, &[], locker())
}

/// All that is to be done, as text.
fn effects(state: &mut State) -> Vec<String> {
    let text = |effect| match effect {
        Effect::Watch(watch) => format!("{watch:?}"),
        Effect::Cast(to, term) => format!("cast {to} {term}"),
        Effect::Tell(to, term) => format!("tell {to} {term}"),
        Effect::Locker(LockerMsg::Him(him)) => format!("him {} {} {}", him.node, him.tag, him.his_tag),
        Effect::Locker(LockerMsg::Cancel { node, tag, casts }) => {
            format!("cancel {node} {tag} {}", casts.len())
        }
        Effect::Locker(LockerMsg::LockSet { set, .. }) => format!("lock_set {set}"),
        Effect::Locker(LockerMsg::AddKnown(nodes)) => format!("add {nodes:?}"),
        Effect::Locker(LockerMsg::RemoveKnown(node)) => format!("remove {node}"),
        Effect::Locker(LockerMsg::NodeUp(node)) => format!("up {node}"),
        Effect::Compare { node, tag, names, .. } => format!("compare {node} {tag} {}", names.len()),
        Effect::Join(node) => format!("join {node}"),
        Effect::Disconnect(node) => format!("disconnect {node}"),
        Effect::Synced(number) => format!("synced {number}"),
    };
    std::iter::from_fn(|| state.poll_effect()).map(text).collect()
}

/// A name server that has met `b@g`, whose tag is 40; its own is 1.
fn met() -> State {
    let mut state = a();
    state.handle_node_up(node("b@g"));
    assert_eq!(state.handle_cast(node("b@g"), &init_connect(40)), Ok(()));
    effects(&mut state);
    state
}

/// The same, when the lock is set and both names and outcome are known: they agree.
fn agreed() -> State {
    let mut state = met();
    let b = node("b@g");
    let pids = Term::list([Term::Pid(locker())]);
    assert_eq!(
        state.handle_request(
            NOW,
            locker(),
            &Term::tuple([Term::atom("set_lock"), Term::tuple([GLOBAL, pids.clone()])])
        ),
        Some(Term::from(true))
    );
    state.handle_lock_is_set(b, (1, &Term::int(40)), pids);
    assert_eq!(state.handle_cast(b, &term("{exchange, b@g, [], [], 1}")), Ok(()));
    state.handle_compared(b, (1, Some(&Term::int(40))), Vec::new(), &[]);
    assert_eq!(state.handle_cast(b, &term("{resolved, b@g, [], [{c@g, 8}], unused, [], 1}")), Ok(()));
    state
}

#[test]
fn both_sides_begin_whoever_is_first() {
    let mut state = a();
    let b = node("b@g");
    // The peer was faster than word of the connection.
    assert_eq!(state.handle_cast(b, &init_connect(40)), Ok(()));
    assert_eq!(effects(&mut state), Vec::<String>::new());
    state.handle_node_up(b);
    let expected = [
        "cast b@g {init_connect,{8,1},a@g,{locker,no_longer_a_pid,#{},<a@g.2.0>}}",
        "him b@g 1 40",
        "tell b@g {init_connect_ack,a@g,40,1}",
    ];
    assert_eq!(effects(&mut state), expected);
    state.handle_node_up(b);
    assert_eq!(effects(&mut state), Vec::<String>::new());
}

#[test]
fn names_are_exchanged_when_the_lock_is_set() {
    let mut state = agreed();
    let effects = effects(&mut state);
    let expected = [
        "cast b@g {exchange,a@g,[],[],40}",
        "compare b@g 1 0",
        "cast b@g {resolved,a@g,[],[],unused,[],40}",
        "join c@g",
        "cancel b@g 1 0",
        "add [b@g, c@g]",
    ];
    assert_eq!(effects[effects.len() - 6..], expected);
    assert_eq!(state.known(), [node("b@g"), node("c@g")]);
}

/// The connection is lost after each of the steps: nothing is agreed on, the locker is told, and others hear of it.
#[test]
fn a_loss_in_the_middle_of_each_step_leaves_nothing() {
    let b = node("b@g");
    let steps: [fn(&mut State, NodeName); 5] = [
        |_, _| {},
        |state, b| state.handle_lock_is_set(b, (1, &Term::int(40)), Term::Nil),
        |state, b| assert_eq!(state.handle_cast(b, &term("{exchange, b@g, [], [], 1}")), Ok(())),
        |state, b| state.handle_compared(b, (1, Some(&Term::int(40))), Vec::new(), &[Op::Delete(Term::Nil)]),
        |state, b| assert_eq!(state.handle_cast(b, &term("{resolved, b@g, [], [], unused, [], 1}")), Ok(())),
    ];
    for cut_after in 0..4 {
        let mut state = met();
        steps[..=cut_after].iter().for_each(|step| step(&mut state, b));
        effects(&mut state);
        state.handle_node_down(b);
        let seen = effects(&mut state);
        assert!(seen.contains(&"cancel b@g 1 0".to_owned()), "{cut_after}: {seen:?}");
        assert!(seen.contains(&"remove b@g".to_owned()), "{cut_after}: {seen:?}");
        // What still comes of it is nobody's.
        steps.iter().for_each(|step| step(&mut state, b));
        assert_eq!(state.known(), [], "{cut_after}");
        effects(&mut state);
        // And the next connection has another tag.
        state.handle_node_up(b);
        assert!(effects(&mut state)[0].starts_with("cast b@g {init_connect,{8,3}"), "{cut_after}");
    }
}

#[test]
fn what_is_out_of_step_begins_anew() {
    let b = node("b@g");
    let mut state = met();
    // The peer begins again in the middle: this side goes on with it from its own beginning.
    assert_eq!(state.handle_cast(b, &init_connect(41)), Ok(()));
    assert_eq!(effects(&mut state), ["cancel b@g 1 0", "him b@g 1 41"]);
    // What was under way with the peer's earlier beginning is nothing any more.
    state.handle_lock_is_set(b, (1, &Term::int(40)), Term::Nil);
    state.handle_compared(b, (1, Some(&Term::int(40))), Vec::new(), &[]);
    assert_eq!(effects(&mut state), Vec::<String>::new());
    // The peer has both beginnings of now; it answers an earlier one of ours; it does not know ours of now.
    let now = Instant::ZERO;
    assert_eq!(state.handle_plain(now, b, &term("{init_connect_ack, b@g, 1, 41}")), Ok(()));
    assert_eq!(state.handle_plain(now, b, &term("{init_connect_ack, b@g, 0, 41}")), Ok(()));
    assert_eq!(effects(&mut state), Vec::<String>::new());
    assert_eq!(state.handle_plain(now, b, &term("{init_connect_ack, b@g, 1, 40}")), Ok(()));
    let seen = effects(&mut state);
    assert!(seen.iter().any(|effect| effect.starts_with("cast b@g {init_connect,{8,2}")), "{seen:?}");
    assert_eq!(state.handle_plain(now, b, &term("{cancel_connect, b@g, 99}")), Ok(()));
    assert_eq!(effects(&mut state), Vec::<String>::new());
    assert_eq!(state.handle_plain(now, b, &term("{cancel_connect, b@g, 2}")), Ok(()));
    let seen = effects(&mut state);
    assert!(seen.iter().any(|effect| effect.starts_with("cast b@g {init_connect,{8,3}")), "{seen:?}");
}

/// Names are changed by who holds the lock, of nodes that agree, and by nobody else.
#[test]
fn changes_are_believed_of_those_that_agree() {
    let mut state = agreed();
    let register = Term::tuple([Term::atom("register"), Term::atom("n"), Term::Pid(locker()), Term::Nil]);
    assert_eq!(state.handle_request(NOW, locker(), &register), Some(Term::atom("yes")));
    let stranger = Pid::new(node("b@g"), 1, 9, 0);
    assert_eq!(state.handle_request(NOW, stranger, &register), Some(Term::atom("no")));
    assert_eq!(state.tables.whereis(&Term::atom("n")), Some(locker()));
    assert_eq!(state.handle_request(NOW, stranger, &term("{unregister, n}")), Some(Term::atom("ok")));
    assert_eq!(state.tables.whereis(&Term::atom("n")), Some(locker()));
    let elsewhere = Pid::new(node("d@g"), 1, 9, 0);
    assert_eq!(state.handle_request(NOW, elsewhere, &term("get_protocol_version")), Some(Term::int(8)));
    state.handle_node_down(node("b@g"));
    assert_eq!(state.tables.whereis(&Term::atom("n")), None);
}

#[test]
fn a_loss_between_others_is_told_on_once_and_acted_on() {
    let mut state = agreed();
    effects(&mut state);
    let lost = term("{lost_connection, b@g, 123456789012345678901234567890, 5, c@g}");
    for expected in [
        &[
            "tell c@g {lost_connection,b@g,123456789012345678901234567890,5,c@g}",
            "tell c@g {remove_connection,a@g}",
            "remove c@g",
        ][..],
        &[],
    ] {
        assert_eq!(state.handle_plain(Instant::ZERO, node("b@g"), &lost), Ok(()));
        assert_eq!(effects(&mut state), expected);
    }
    assert_eq!(state.known(), [node("b@g")]);
    assert_eq!(state.handle_plain(Instant::ZERO, node("b@g"), &term("{remove_connection, b@g}")), Ok(()));
    assert_eq!(effects(&mut state), ["disconnect b@g", "remove b@g"]);
    // A loss that this side asked for is no news to others.
    state.handle_node_down(node("b@g"));
    assert_eq!(effects(&mut state), ["End(<b@g.2.0>)", "remove b@g"]);
}

#[test]
fn who_waits_hears_when_all_are_in_sync_or_gone() {
    let (b, c) = (node("b@g"), node("c@g"));
    let mut state = agreed();
    state.handle_node_down(b);
    for up in [b, c] {
        state.handle_node_up(up);
    }
    effects(&mut state);
    assert!(state.handle_sync(1, BTreeSet::from([node("a@g")])));
    assert!(state.handle_sync(2, BTreeSet::from([b, c])));
    assert_eq!(effects(&mut state), ["synced 1"]);
    assert_eq!(state.handle_cast(b, &term("{in_sync, b@g, true}")), Ok(()));
    assert_eq!(effects(&mut state), Vec::<String>::new());
    assert!(state.handle_sync(3, BTreeSet::from([b])));
    state.handle_node_down(c);
    let seen: Vec<String> =
        effects(&mut state).into_iter().filter(|effect| effect.starts_with("synced")).collect();
    assert_eq!(seen, ["synced 3", "synced 2"]);
    // One that was lost before the question came is waited for no more: nothing would ever be heard of it.
    assert!(state.handle_sync(4, BTreeSet::from([c])));
    assert_eq!(effects(&mut state), ["synced 4"]);
}

/// As many wait as may, and nothing is left of who has gone.
#[test]
fn who_waits_has_a_limit_and_may_go() {
    let b = node("b@g");
    let mut state = state("a@g", GlobalLimits { syncs: 2, ..GlobalLimits::default() });
    state.handle_node_up(b);
    effects(&mut state);
    assert!(state.handle_sync(1, BTreeSet::from([b])) && state.handle_sync(2, BTreeSet::from([b])));
    assert!(!state.handle_sync(3, BTreeSet::from([b])), "one too many");
    state.handle_sync_over(1);
    assert!(state.handle_sync(4, BTreeSet::from([b])));
    state.handle_node_down(b);
    let seen = effects(&mut state);
    assert_eq!(seen[..2], ["synced 2", "synced 4"], "{seen:?}");
}

/// What is no message, or speaks for another node, is told from what is.
#[test]
fn garbage_is_told() {
    let mut state = met();
    let b = node("b@g");
    for text in [
        "x",
        "{}",
        "{exchange, c@g, [], [], 1}",
        "{exchange, b@g, [{n, notapid, f}], [], 1}",
        "{resolved, b@g, [{insert, x}], [], unused, [], 1}",
        "{resolved, b@g, [], [{1, 2}], unused, [], 1}",
        "{new_nodes, b@g, [], [], x, []}",
        "{in_sync, c@g, true}",
        "{lock_set, 1, true, [], 1}",
        "{init_connect, {4, 1}, b@g, {locker, x, y, z}}",
    ] {
        assert_eq!(state.handle_cast(b, &term(text)), Err(Garbage), "{text}");
    }
    for text in [
        "{nodeup, b@g}",
        "{cancel_connect, c@g, 1}",
        "{lost_connection, b@g, x, 1, c@g}",
        "{remove_connection, c@g}",
    ] {
        assert_eq!(state.handle_plain(Instant::ZERO, b, &term(text)), Err(Garbage), "{text}");
    }
    assert_eq!(state.handle_request(NOW, locker(), &term("{register, n, notapid, f}")), None);
    assert_eq!(effects(&mut state), Vec::<String>::new());
}

/// As many nodes agree as may, and a message that tells of more is garbage.
#[test]
fn nodes_have_a_limit() {
    let b = node("b@g");
    for (limit, known) in [(2, 2), (1, 1)] {
        let mut state = state("a@g", GlobalLimits { nodes: limit, ..GlobalLimits::default() });
        state.handle_node_up(b);
        assert_eq!(state.handle_cast(b, &init_connect(40)), Ok(()));
        state.handle_lock_is_set(b, (1, &Term::int(40)), Term::Nil);
        state.handle_compared(b, (1, Some(&Term::int(40))), Vec::new(), &[]);
        assert_eq!(state.handle_cast(b, &term("{resolved, b@g, [], [{c@g, 8}], unused, [], 1}")), Ok(()));
        assert_eq!(state.known().len(), known);
        let many = term("{resolved, b@g, [], [{c@g, 8}, {d@g, 8}, {e@g, 8}], unused, [], 1}");
        assert_eq!(state.handle_cast(b, &many), Err(Garbage));
        // The same goes for nodes that names are said to be from.
        let externals = |last: &str| {
            let of = |node: &str| Term::tuple([Term::Nil, Term::Pid(locker()), term(&format!("'{node}'"))]);
            let all = Term::list([of("b@g"), of("b@g"), of(last)]);
            let head = [Term::atom("new_nodes"), term("b@g"), Term::Nil, all];
            Term::tuple(head.into_iter().chain([Term::Nil, Term::Nil]))
        };
        assert_eq!(state.handle_cast(b, &externals("b@g")), Ok(()));
        let other = format!("external{limit}@g");
        let taken = if limit == 2 { Ok(()) } else { Err(Garbage) };
        assert_eq!(state.handle_cast(b, &externals(&other)), taken);
        assert_eq!(NodeName::find(&other).is_some(), limit == 2, "what is garbage names nobody");
    }
}

/// A hidden node takes no part.
#[test]
fn a_hidden_node_takes_no_part() {
    let pid = |number| Pid::new(node("h@g"), 1, number, 0);
    let mut state = State::new(Birth {
        me: pid(1),
        locker: pid(2),
        limits: GlobalLimits::default(),
        is_visible: false,
        prevents_overlap: true,
        incarnation: 7,
    });
    state.handle_node_up(node("b@g"));
    assert_eq!(state.handle_cast(node("b@g"), &init_connect(40)), Err(Garbage));
    state.handle_node_down(node("b@g"));
    assert_eq!(effects(&mut state), ["remove b@g"]);
    let own = Entry { name: Term::Nil, pid: pid(9), method: Term::Nil };
    assert!(state.tables.set_lock(NOW, &GLOBAL, &Term::Nil, pid(3)));
    assert!(state.tables.insert(own, None, super::tables::Says::Process(pid(3))));
}

/// Both sides of a connection have heard from others that it was lost, and ask each other to end it: it ends.
#[test]
fn two_that_ask_each_other_to_disconnect_do() {
    let b = node("b@g");
    let mut state = agreed();
    effects(&mut state);
    let lost = term("{lost_connection, b@g, 1, 5, a@g}");
    assert_eq!(state.handle_plain(Instant::ZERO, b, &lost), Ok(()));
    let seen = effects(&mut state);
    assert!(seen.contains(&"tell b@g {remove_connection,a@g}".to_owned()), "{seen:?}");
    assert_eq!(state.handle_plain(Instant::ZERO, b, &term("{remove_connection, b@g}")), Ok(()));
    let seen = effects(&mut state);
    assert!(seen.contains(&"disconnect b@g".to_owned()), "{seen:?}");
}

/// Of a node that is not connected yet it was heard that others have lost it. When it is connected later and lost, that
/// is news to others: this side has not asked for it.
#[test]
fn who_was_left_before_it_was_connected_is_lost_like_any_other() {
    let (b, c) = (node("b@g"), node("c@g"));
    let mut state = agreed();
    let lost = term("{lost_connection, b@g, 1, 5, c@g}");
    assert_eq!(state.handle_plain(Instant::ZERO, b, &lost), Ok(()));
    state.handle_node_up(c);
    effects(&mut state);
    state.handle_node_down(c);
    let seen = effects(&mut state);
    let tells = |effect: &String| effect.starts_with("tell b@g {lost_connection,a@g,7,");
    assert!(seen.iter().any(tells), "{seen:?}");
}

/// A node is lost and connected anew while word of it from others is under way: neither side takes the other for known.
#[test]
fn word_of_a_lost_connection_ends_no_agreement() {
    let b = node("b@g");
    // The peer speaks of a connection before, or has heard of this side from others: an Erlang node has left the agreement.
    let mut state = met();
    assert_eq!(state.handle_cast(b, &term("{in_sync, b@g, true}")), Ok(()));
    let expected = [
        "cancel b@g 1 0",
        "tell b@g {cancel_connect,a@g,40}",
        "cast b@g {init_connect,{8,2},a@g,{locker,no_longer_a_pid,#{},<a@g.2.0>}}",
    ];
    assert_eq!(effects(&mut state), expected);
    assert_eq!(state.known(), []);
    assert_eq!(state.handle_cast(b, &init_connect(41)), Ok(()));
    state.handle_lock_is_set(b, (2, &Term::int(41)), Term::Nil);
    assert_eq!(effects(&mut state).last().map(String::as_str), Some("cast b@g {exchange,a@g,[],[],41}"));
    // This side was to join the node.
    let mut state = agreed();
    let c = node("c@g");
    state.handle_node_up(c);
    state.handle_node_down(c);
    effects(&mut state);
    state.handle_joined(c, true);
    assert_eq!(effects(&mut state), Vec::<String>::new());
}

/// A node that was asked to end the connection begins instead: this side ends it.
#[test]
fn who_does_not_end_the_connection_is_disconnected() {
    let b = node("b@g");
    let mut state = agreed();
    assert_eq!(state.handle_plain(Instant::ZERO, b, &term("{lost_connection, b@g, 1, 5, a@g}")), Ok(()));
    effects(&mut state);
    assert_eq!(state.handle_cast(b, &init_connect(41)), Ok(()));
    assert_eq!(effects(&mut state), ["disconnect b@g"]);
    // The next connection is one like any other.
    state.handle_node_down(b);
    state.handle_node_up(b);
    effects(&mut state);
    assert_eq!(state.handle_cast(b, &init_connect(42)), Ok(()));
    assert!(effects(&mut state)[0].starts_with("him b@g"));
}

/// A node that begins with one which knows it from others, and has lost those meanwhile, is answered; it is told where it
/// knows this one, too.
#[test]
fn who_is_known_from_others_is_agreed_with_where_it_begins() {
    let c = node("c@g");
    let begins = |known: &[_]| super::wire::init_connect(c, 50, known, Pid::new(c, 1, 2, 0));
    let mut state = agreed();
    state.handle_node_up(c);
    effects(&mut state);
    assert_eq!(state.handle_cast(c, &begins(&[(node("a@g"), 8)])), Ok(()));
    assert_eq!(effects(&mut state), ["cast c@g {in_sync,a@g,true}"]);
    assert_eq!(state.handle_cast(c, &begins(&[])), Ok(()));
    let seen = effects(&mut state);
    assert!(seen[0].starts_with("cast c@g {init_connect,{8,") && seen[1].starts_with("him c@g"), "{seen:?}");
}

/// A node that was asked to end the connection did not, and is known from others later: its loss is news to them.
#[test]
fn who_is_known_again_is_not_being_left_any_more() {
    let (b, c) = (node("b@g"), node("c@g"));
    let mut state = agreed();
    state.handle_node_up(c);
    assert_eq!(state.handle_plain(Instant::ZERO, b, &term("{lost_connection, b@g, 1, 5, c@g}")), Ok(()));
    let lock = Term::tuple([Term::atom("lock"), Term::tuple([GLOBAL, Term::list([Term::Pid(locker())])])]);
    let words = [Term::atom("new_nodes"), term("b@g"), Term::Nil, Term::Nil, term("[{c@g, 8}]")];
    let new_nodes = Term::tuple(words.into_iter().chain([Term::list([lock])]));
    assert_eq!(state.handle_cast(b, &new_nodes), Ok(()));
    assert_eq!(state.known(), [b, c]);
    effects(&mut state);
    state.handle_node_down(c);
    let seen = effects(&mut state);
    assert!(seen.iter().any(|effect| effect.starts_with("tell b@g {lost_connection,a@g,")), "{seen:?}");
}

/// What is kept of a loss for an hour is small: a number as long as a message may be is none of an incarnation.
#[test]
fn incarnations_have_a_limit() {
    let mut state = agreed();
    // Of 128 bits, and of 129.
    for (incarnation, taken) in
        [(format!("{}", u128::MAX), Ok(())), ("340282366920938463463374607431768211456".into(), Err(Garbage))]
    {
        let lost = term(&format!("{{lost_connection, b@g, {incarnation}, 1, c@g}}"));
        assert_eq!(state.handle_plain(Instant::ZERO, node("b@g"), &lost), taken, "{incarnation}");
    }
}

/// What was agreed on elsewhere is told by a node that has set the lock here for it, and by no third one.
#[test]
fn new_nodes_are_told_by_who_holds_the_lock() {
    let mut state = agreed();
    let d = node("d@g");
    state.handle_node_up(d);
    effects(&mut state);
    let told_by = |node: &str| {
        let insert = Term::tuple([Term::atom("n"), Term::Pid(locker()), Term::Nil]);
        let ops = Term::list([Term::tuple([Term::atom("insert"), insert])]);
        let lock = Term::tuple([GLOBAL, Term::list([Term::Pid(locker())])]);
        let extra = Term::list([Term::tuple([Term::atom("lock"), lock])]);
        let nodes = term("[{e@g, 8}]");
        Term::tuple([Term::atom("new_nodes"), term(node), ops, Term::Nil, nodes, extra])
    };
    assert_eq!(state.handle_cast(d, &told_by("d@g")), Ok(()));
    assert_eq!((state.tables.whereis(&Term::atom("n")), state.known().len()), (None, 2));
    assert_eq!(state.handle_cast(node("b@g"), &told_by("b@g")), Ok(()));
    assert_eq!((state.tables.whereis(&Term::atom("n")), state.known().len()), (Some(locker()), 3));
}

/// A hidden node says nothing about the mesh that it has no part in, and nothing is kept of it.
#[test]
fn hidden_nodes_say_nothing_of_the_mesh() {
    let mut state = agreed();
    effects(&mut state);
    let h = node("h@g");
    assert_eq!(state.handle_cast(h, &term("{in_sync, h@g, true}")), Err(Garbage));
    let lost = term("{lost_connection, h@g, 1, 1, b@g}");
    assert_eq!(state.handle_plain(Instant::ZERO, h, &lost), Err(Garbage));
    assert_eq!(effects(&mut state), Vec::<String>::new());
    let synced = state.handle_request(NOW, locker(), &term("get_synced"));
    assert_eq!(synced, Some(term("[b@g]")));
    // Nor does the lock, which any process may set, make its word of names one of the mesh.
    let (holder, requester) = (Pid::new(h, 1, 9, 0), Term::Int(5));
    state.handle_ended(locker());
    let set_lock = Term::tuple([Term::atom("set_lock"), Term::tuple([GLOBAL, requester])]);
    assert_eq!(state.handle_request(NOW, holder, &set_lock), Some(Term::from(true)));
    let told = term("{new_nodes, h@g, [{delete, n}], [], [{e@g, 8}], [{lock, {global, 5}}]}");
    assert_eq!(state.handle_cast(h, &told), Err(Garbage));
    assert!(!state.known().contains(&node("e@g")));
}

/// A node that this one could not connect to has connected to this one meanwhile: it is not taken for lost.
#[test]
fn who_connected_meanwhile_is_not_lost() {
    let mut state = agreed();
    let c = node("c@g");
    state.handle_node_up(c);
    effects(&mut state);
    state.handle_joined(c, false);
    assert_eq!(effects(&mut state), ["cast c@g {in_sync,a@g,true}"]);
    assert_eq!(state.known(), [node("b@g"), c]);
    state.handle_node_down(c);
    effects(&mut state);
    state.handle_joined(c, false);
    assert_eq!(state.known(), [node("b@g")]);
}

/// Names were compared for long, and the peer has begun anew meanwhile and has the lock again: what comes of the first
/// comparison is told to nobody, for the second one will be.
#[test]
fn what_was_compared_before_is_nothing_now() {
    let b = node("b@g");
    let mut state = met();
    state.handle_lock_is_set(b, (1, &Term::int(40)), Term::Nil);
    assert_eq!(state.handle_cast(b, &init_connect(41)), Ok(()));
    state.handle_lock_is_set(b, (1, &Term::int(41)), Term::Nil);
    effects(&mut state);
    state.handle_compared(b, (1, Some(&Term::int(40))), Vec::new(), &[]);
    assert_eq!(effects(&mut state), Vec::<String>::new());
    state.handle_compared(b, (1, Some(&Term::int(41))), Vec::new(), &[]);
    assert_eq!(effects(&mut state), ["cast b@g {resolved,a@g,[],[],unused,[],41}"]);
}

/// The peer loses a third node in the middle of an agreement: it has the names of that node no more, and this side would
/// keep what it was told before, also when the name is freed meanwhile.
#[test]
fn what_was_told_of_a_node_that_the_peer_leaves_is_not_taken() {
    let (b, c) = (node("b@g"), node("c@g").pin());
    let holder = Pid::new(node("c@g"), 1, 9, 0);
    for is_lost in [false, true] {
        let mut state = met();
        let requester = Term::list([Term::Pid(locker())]);
        let set_lock = Term::tuple([Term::atom("set_lock"), Term::tuple([GLOBAL, requester.clone()])]);
        assert_eq!(state.handle_request(NOW, locker(), &set_lock), Some(Term::from(true)));
        let me = Pid::new(node("a@g"), 1, 2, 0);
        assert_eq!(state.handle_request(NOW, me, &set_lock), Some(Term::from(true)));
        state.handle_lock_is_set(b, (1, &Term::int(40)), requester);
        assert_eq!(state.handle_cast(b, &term("{exchange, b@g, [], [], 1}")), Ok(()));
        if is_lost {
            let lost = term("{lost_connection, b@g, 1, 3, c@g}");
            assert_eq!(state.handle_plain(NOW, b, &lost), Ok(()));
        }
        let his = Entry { name: term("n"), pid: holder, method: Term::Nil };
        state.handle_compared(b, (1, Some(&Term::int(40))), vec![Op::Insert(his)], &[]);
        let resolved = term("{resolved, b@g, [], [{c@g, 8}], unused, [], 1}");
        assert_eq!(state.handle_cast(b, &resolved), Ok(()));
        assert_eq!(state.tables.whereis(&term("n")), (!is_lost).then_some(holder));
        assert_eq!(state.known(), if is_lost { vec![b] } else { vec![b, node("c@g")] });
        let joins = effects(&mut state).contains(&"join c@g".to_owned());
        assert_eq!(joins, !is_lost);
    }
    drop(c);
}

/// A node that this one knows from others begins with it, and takes that back: an Erlang node does when it is told that
/// both are in sync. It says nothing more, and nobody waits for it.
#[test]
fn who_is_known_and_takes_its_beginning_back_is_waited_for_no_more() {
    let mut state = agreed();
    let c = node("c@g");
    state.handle_node_up(c);
    assert!(state.handle_sync(5, BTreeSet::from([c])));
    let his = super::wire::init_connect(c, 60, &[], Pid::new(c, 1, 2, 0));
    assert_eq!(state.handle_cast(c, &his), Ok(()));
    assert!(!effects(&mut state).contains(&"synced 5".to_owned()));
    assert_eq!(state.handle_plain(NOW, c, &term("{cancel_connect, c@g, 2}")), Ok(()));
    assert!(effects(&mut state).contains(&"synced 5".to_owned()));
    assert!(!state.is_agreeing());
}

/// A third node of this part is lost when its names have been told to a peer, but not yet what came of it: they are told
/// anew, without those.
#[test]
fn names_that_are_no_more_are_not_left_with_a_peer() {
    let (b, c) = (node("b@g"), node("c@g").pin());
    let holder = Pid::new(node("c@g"), 1, 9, 0);
    let mut state = met();
    let requester = Term::list([Term::Pid(locker())]);
    let set_lock = Term::tuple([Term::atom("set_lock"), Term::tuple([GLOBAL, requester.clone()])]);
    let me = Pid::new(node("a@g"), 1, 3, 0);
    assert_eq!(state.handle_request(NOW, me, &set_lock), Some(Term::from(true)));
    let register = Term::tuple([Term::atom("register"), term("n"), Term::Pid(holder), Term::Nil]);
    assert_eq!(state.handle_request(NOW, me, &register), Some(Term::atom("yes")));
    state.handle_lock_is_set(b, (1, &Term::int(40)), requester);
    assert!(effects(&mut state).last().is_some_and(|told| told.contains("{n,<c@g.9.0>,[]}")));
    state.handle_node_down(node("c@g"));
    let told = effects(&mut state);
    assert!(told.contains(&"tell b@g {cancel_connect,a@g,40}".to_owned()), "{told:?}");
    assert!(told.iter().any(|told| told.starts_with("cast b@g {init_connect,{8,3}")), "{told:?}");
    drop(c);
}

/// As long as a connection that this side wants to be ended lasts, its names are told nobody.
#[test]
fn names_of_a_node_that_is_left_are_not_told() {
    let mut state = agreed();
    let (b, c, d) = (node("b@g"), node("c@g"), node("d@g"));
    state.handle_node_up(c);
    let holder = Pid::new(c, 1, 9, 0);
    let register = Term::tuple([Term::atom("register"), term("n"), Term::Pid(holder), Term::Nil]);
    assert_eq!(state.handle_request(NOW, locker(), &register), Some(Term::atom("yes")));
    let remove = term("{remove_connection, c@g}");
    assert_eq!(state.handle_plain(NOW, c, &remove), Ok(()));
    assert_eq!(state.known(), [b]);
    state.handle_node_up(d);
    let his = super::wire::init_connect(d, 60, &[], Pid::new(d, 1, 2, 0));
    assert_eq!(state.handle_cast(d, &his), Ok(()));
    state.handle_lock_is_set(d, (2, &Term::int(60)), Term::Nil);
    assert_eq!(effects(&mut state).last().map(String::as_str), Some("cast d@g {exchange,a@g,[],[],60}"));
    assert_eq!(state.tables.whereis(&term("n")), Some(holder), "until the connection has ended");
}

/// A node that this side comes to know from another one, in the middle of an agreement with it, is asked whether it has left
/// that: an Erlang node does so without a word when it is told that it is known.
#[test]
fn who_is_told_that_it_is_known_is_asked_whether_it_has_left() {
    let (b, c) = (node("b@g"), node("c@g"));
    let mut state = met();
    state.handle_node_up(c);
    let his = super::wire::init_connect(c, 60, &[], Pid::new(c, 1, 2, 0));
    assert_eq!(state.handle_cast(c, &his), Ok(()));
    state.handle_lock_is_set(b, (1, &Term::int(40)), Term::Nil);
    assert_eq!(state.handle_cast(b, &term("{exchange, b@g, [], [], 1}")), Ok(()));
    state.handle_compared(b, (1, Some(&Term::int(40))), Vec::new(), &[]);
    assert_eq!(state.handle_cast(b, &term("{resolved, b@g, [], [{c@g, 8}], unused, [], 1}")), Ok(()));
    effects(&mut state);
    state.handle_joined(c, true);
    let expected = ["cast c@g {in_sync,a@g,true}", "tell c@g {init_connect_ack,a@g,60,2}"];
    assert_eq!(effects(&mut state), expected);
    assert_eq!(state.handle_plain(NOW, c, &term("{cancel_connect, c@g, 2}")), Ok(()));
    assert_eq!(effects(&mut state), ["cancel c@g 2 0", "tell c@g {cancel_connect,a@g,60}"]);
    assert_eq!(state.known(), [b, c]);
}

/// A node that knows this one from a third does not answer what this one begins. It is asked to leave, and nobody else hears
/// of it; the next connection begins anew.
#[test]
fn one_that_does_not_answer_since_it_knows_this_one_is_asked_to_leave() {
    let b = node("b@g");
    let mut state = a();
    state.handle_node_up(b);
    effects(&mut state);
    assert!(!state.handle_known_by(b, false), "both say the same");
    assert!(state.handle_known_by(b, true));
    let expected = ["tell b@g {remove_connection,a@g}", "cancel b@g 1 0", "remove b@g"];
    assert_eq!(effects(&mut state), expected);
    assert!(state.handle_known_by(b, true), "it did not, and is asked again");
    assert_eq!(effects(&mut state), ["tell b@g {remove_connection,a@g}", "remove b@g"]);
    state.handle_node_down(b);
    assert_eq!(effects(&mut state), ["remove b@g"]);
    state.handle_node_up(b);
    assert_eq!(
        effects(&mut state),
        ["cast b@g {init_connect,{8,2},a@g,{locker,no_longer_a_pid,#{},<a@g.2.0>}}"]
    );
    // In the middle of an agreement nothing is to be wondered at.
    assert_eq!(state.handle_cast(b, &init_connect(41)), Ok(()));
    effects(&mut state);
    assert!(!state.handle_known_by(b, true));
    assert_eq!(effects(&mut state), Vec::<String>::new());
}

/// One that this one knows from a third, and that does not know it, would ignore that: it is told of it first.
#[test]
fn one_that_does_not_know_this_one_is_told_and_asked_to_leave() {
    let c = node("c@g");
    let mut state = agreed();
    state.handle_node_up(c);
    effects(&mut state);
    assert!(!state.handle_known_by(c, true), "both say the same");
    assert!(state.handle_known_by(c, false));
    let expected = [
        "cast c@g {new_nodes,a@g,[],[],[{a@g,8}],[{vsn,8},{lock,undefined}]}",
        "tell c@g {remove_connection,a@g}",
        "remove c@g",
    ];
    assert_eq!(effects(&mut state), expected);
    assert_eq!(state.known(), [node("b@g")]);
}
