//! Who asked hears of nodes that come and go, in order with what they send.

use crate::stage::{SECOND, Seen, Stage, name, observer};
use engset_node::{MonitorNodes, NodeInfo, NodeType};
use engset_process::Dest;
use engset_term::{NodeName, Term};
use std::sync::Arc;

const ALL: MonitorNodes = MonitorNodes {
    node_type: Some(NodeType::All),
    nodedown_reason: true,
    connection_id: false,
    info: NodeInfo::List,
};

#[test]
fn nodeup_comes_before_the_first_message_and_nodedown_after_the_last() {
    for seed in 0..100 {
        let stage = Stage::new(seed);
        let seen = Seen::default();
        let inbox = observer(&stage.b, Some("inbox"), &seen, |_| {});
        stage.b.monitor_nodes(inbox, ALL).expect("room");
        for turn in 0..3 {
            let to = Dest::RemoteName(name("inbox"), stage.b.name());
            observer(&stage.a, None, &Seen::default(), move |cx| drop(cx.send(to, Term::int(turn))));
            stage.world.run_for(SECOND);
            stage.a.disconnect(stage.b.name());
            stage.world.run_for(SECOND);
        }
        let up = "message {nodeup,a@sim,[{node_type,hidden}]}";
        let down = "message {nodedown,a@sim,[{node_type,hidden},{nodedown_reason,connection_closed}]}";
        let expected = [up, "message 0", down, up, "message 1", down, up, "message 2", down];
        assert_eq!(seen.take(), expected, "seed {seed}");
    }
}

#[test]
fn a_silent_peer_is_down_by_its_ticks_and_the_subscription_ends_with_demonitor() {
    let stage = Stage::new(1);
    let seen = Seen::default();
    let pid = observer(&stage.a, None, &seen, |_| {});
    stage.a.monitor_nodes(pid, ALL).expect("room");
    stage.a.connect(stage.b.name(), |_| {});
    stage.world.run_for(SECOND);
    stage.world.partition(&stage.a, &stage.b);
    stage.world.run_for(100 * SECOND);
    let expected = [
        "message {nodeup,b@sim,[{node_type,hidden}]}",
        "message {nodedown,b@sim,[{node_type,hidden},{nodedown_reason,net_tick_timeout}]}",
    ];
    assert_eq!(seen.take(), expected);
    assert_eq!(stage.a.demonitor_nodes(pid, MonitorNodes::default()), 0);
    assert_eq!(stage.a.demonitor_nodes(pid, ALL), 1);
    stage.world.heal_all();
    stage.a.connect(stage.b.name(), |_| {});
    stage.world.run_for(SECOND);
    assert_eq!(seen.take(), Vec::<String>::new());
}

#[test]
fn a_monitor_of_a_node_connects_and_fires_once() {
    let stage = Stage::new(1);
    let seen = Seen::default();
    let pid = observer(&stage.a, None, &seen, |_| {});
    stage.a.monitor_node(pid, stage.b.name()).expect("room");
    stage.world.run_for(SECOND);
    assert_eq!(stage.a.connected(), [(stage.b.name(), false)]);
    assert_eq!(seen.take(), Vec::<String>::new());
    stage.b.disconnect_all();
    stage.world.run_for(SECOND);
    assert_eq!(seen.take(), ["message {nodedown,b@sim}"]);
    let nobody = NodeName::new("nobody@sim").expect("a name");
    for watched in [nobody, stage.b.name()] {
        stage.a.monitor_node(pid, watched).expect("room");
    }
    stage.world.run_for(20 * SECOND);
    assert_eq!(seen.take(), ["message {nodedown,nobody@sim}"]);
    assert!(stage.a.demonitor_node(pid, stage.b.name()));
    stage.a.disconnect(stage.b.name());
    stage.world.run_for(SECOND);
    assert_eq!(seen.take(), Vec::<String>::new());
    assert!(!stage.a.demonitor_node(pid, Arc::clone(&stage.b).name()));
}
