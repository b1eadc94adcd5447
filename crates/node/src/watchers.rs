//! Who is told when nodes come and go: `net_kernel:monitor_nodes/2` and `erlang:monitor_node/2`.
//!
//! Messages to watchers are terms, of the same form as in OTP: `{nodeup, Node}` and `{nodedown, Node}`, with a third
//! element where information was asked for. A `nodeup` comes before anything that the node sends over the connection,
//! a `nodedown` after all of it.

use engset_process::Epoch;
use engset_term::{NodeName, Pid, Term};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

/// Subscriptions to nodes coming and going, and monitors of single nodes, each.
pub const WATCHERS_MAX: usize = 65_536;

/// Which nodes' coming and going is told, and with how much information: the options of
/// `net_kernel:monitor_nodes/2`.
///
/// The default tells of visible nodes, in tuples of two elements.
///
/// ```
/// use engset_node::{MonitorNodes, NodeInfo, NodeType};
///
/// let all = MonitorNodes { node_type: Some(NodeType::All), info: NodeInfo::List, ..MonitorNodes::default() };
/// assert_ne!(all, MonitorNodes::default());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MonitorNodes {
    /// Which nodes; without, visible ones. Where it is given, the information says of which type the node is.
    pub node_type: Option<NodeType>,
    /// Whether the information of a `nodedown` says why.
    pub nodedown_reason: bool,
    /// Whether the information has the number of the connection: no two connections of a node share one.
    pub connection_id: bool,
    /// Whether information comes along, and in which form.
    pub info: NodeInfo,
}

/// Which nodes to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// Visible nodes.
    Visible,
    /// Hidden nodes.
    Hidden,
    /// Both.
    All,
}

/// Whether information comes along with `nodeup` and `nodedown`, as the third element of the tuple.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NodeInfo {
    /// No third element.
    #[default]
    None,
    /// A list of pairs.
    List,
    /// A map.
    Map,
}

/// There are too many subscriptions, or too many monitors of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWatchers {
    /// [`WATCHERS_MAX`].
    pub limit: usize,
}

impl fmt::Display for TooManyWatchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this node's limit of {} watchers of nodes is reached; end some of them", self.limit)
    }
}

impl Error for TooManyWatchers {}

/// A connection that came up or was lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) node: NodeName,
    pub(crate) visible: bool,
    /// Whether it runs processes for others, as Erlang nodes and ours do. Small programs in C or Java do not.
    pub(crate) is_full: bool,
    pub(crate) epoch: Epoch,
}

/// Why a connection was lost, in the words of `nodedown_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodedownReason {
    ConnectionClosed,
    Disconnect,
    NetTickTimeout,
}

impl NodedownReason {
    fn term(self) -> Term {
        Term::atom(match self {
            Self::ConnectionClosed => "connection_closed",
            Self::Disconnect => "disconnect",
            Self::NetTickTimeout => "net_tick_timeout",
        })
    }
}

/// A message to be sent.
pub(crate) type Told = (Pid, Term);

#[derive(Debug, Default)]
pub(crate) struct Watchers {
    subscriptions: Vec<(Pid, MonitorNodes)>,
    /// Who is told of all nodes that run processes for others.
    of_full_nodes: Vec<Pid>,
    /// How often each process monitors a node.
    of_node: BTreeMap<(NodeName, Pid), usize>,
    monitors: usize,
}

impl Watchers {
    /// Begins a subscription: as many as a process makes, as many messages it gets.
    pub(crate) fn subscribe(&mut self, pid: Pid, options: MonitorNodes) -> Result<(), TooManyWatchers> {
        check(self.subscriptions.len())?;
        self.subscriptions.push((pid, options));
        Ok(())
    }

    /// Tells `pid` from now on of all nodes that run processes for others, visible or hidden.
    pub(crate) fn subscribe_to_full_nodes(&mut self, pid: Pid) -> Result<(), TooManyWatchers> {
        check(self.of_full_nodes.len())?;
        self.of_full_nodes.push(pid);
        Ok(())
    }

    /// Ends the subscriptions of `pid` with these options; how many there were.
    pub(crate) fn unsubscribe(&mut self, pid: Pid, options: MonitorNodes) -> usize {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| *subscription != (pid, options));
        before - self.subscriptions.len()
    }

    /// Adds a monitor of `node`.
    pub(crate) fn monitor(&mut self, pid: Pid, node: NodeName) -> Result<(), TooManyWatchers> {
        check(self.monitors)?;
        *self.of_node.entry((node, pid)).or_insert(0) += 1;
        self.monitors += 1;
        Ok(())
    }

    /// Takes back one monitor; whether there was one.
    pub(crate) fn demonitor(&mut self, pid: Pid, node: NodeName) -> bool {
        let Some(count) = self.of_node.get_mut(&(node, pid)) else { return false };
        *count -= 1;
        if *count == 0 {
            self.of_node.remove(&(node, pid));
        }
        self.monitors -= 1;
        true
    }

    /// Forgets processes that are not alive.
    pub(crate) fn sweep(&mut self, is_alive: impl Fn(Pid) -> bool) {
        self.subscriptions.retain(|(pid, _)| is_alive(*pid));
        self.of_full_nodes.retain(|pid| is_alive(*pid));
        self.of_node.retain(|(_, pid), _| is_alive(*pid));
        self.monitors = self.of_node.values().sum();
    }

    pub(crate) fn node_up(&self, connection: Connection) -> Vec<Told> {
        self.tell_subscribers("nodeup", connection, None)
    }

    pub(crate) fn node_down(&mut self, connection: Connection, reason: NodedownReason) -> Vec<Told> {
        let mut told = self.not_reached(connection.node);
        told.extend(self.tell_subscribers("nodedown", connection, Some(reason)));
        told
    }

    /// A connection could not be made: monitors of the node fire.
    pub(crate) fn not_reached(&mut self, node: NodeName) -> Vec<Told> {
        let nodedown = || Term::tuple([Term::atom("nodedown"), Term::Atom(node.into())]);
        let mut told = Vec::new();
        self.of_node.retain(|(watched, pid), count| {
            if *watched != node {
                return true;
            }
            told.extend((0..*count).map(|_| (*pid, nodedown())));
            self.monitors -= *count;
            false
        });
        told
    }

    fn tell_subscribers(
        &self,
        event: &'static str,
        connection: Connection,
        reason: Option<NodedownReason>,
    ) -> Vec<Told> {
        let wanted = self.subscriptions.iter().filter(|(_, options)| options.tells_of(connection.visible));
        let of_full = self.of_full_nodes.iter().filter(|_| connection.is_full);
        let plain = of_full.map(|pid| (*pid, MonitorNodes::default()));
        wanted
            .copied()
            .chain(plain)
            .map(|(pid, options)| (pid, options.message(event, connection, reason)))
            .collect()
    }
}

fn check(count: usize) -> Result<(), TooManyWatchers> {
    if count < WATCHERS_MAX { Ok(()) } else { Err(TooManyWatchers { limit: WATCHERS_MAX }) }
}

impl MonitorNodes {
    fn tells_of(self, visible: bool) -> bool {
        match self.node_type.unwrap_or(NodeType::Visible) {
            NodeType::Visible => visible,
            NodeType::Hidden => !visible,
            NodeType::All => true,
        }
    }

    fn message(self, event: &'static str, connection: Connection, reason: Option<NodedownReason>) -> Term {
        let head = [Term::atom(event), Term::Atom(connection.node.into())];
        let pairs = self.pairs(connection, reason);
        let info = match self.info {
            NodeInfo::None => return Term::tuple(head),
            NodeInfo::List => Term::list(pairs.map(|(key, value)| Term::tuple([Term::atom(key), value]))),
            NodeInfo::Map => Term::map(pairs.map(|(key, value)| (Term::atom(key), value))),
        };
        Term::tuple(head.into_iter().chain([info]))
    }

    fn pairs(
        self,
        connection: Connection,
        reason: Option<NodedownReason>,
    ) -> impl Iterator<Item = (&'static str, Term)> {
        let node_type = Term::atom(if connection.visible { "visible" } else { "hidden" });
        let id = || Term::int(connection.epoch.0);
        let reason = reason.filter(|_| self.nodedown_reason);
        [
            self.node_type.map(|_| ("node_type", node_type)),
            reason.map(|reason| ("nodedown_reason", reason.term())),
            self.connection_id.then(|| ("connection_id", id())),
        ]
        .into_iter()
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Connection, MonitorNodes, NodeInfo, NodeType, NodedownReason, TooManyWatchers, WATCHERS_MAX, Watchers,
    };
    use engset_process::Epoch;
    use engset_term::{NodeName, Pid};

    fn node(name: &str) -> NodeName {
        NodeName::new(name).expect("a name")
    }

    fn pid(number: u64) -> Pid {
        Pid::new(node("me@here"), 1, u32::try_from(number).expect("small"), 0)
    }

    fn connection(name: &str, visible: bool) -> Connection {
        Connection { node: node(name), visible, is_full: name == "v@h", epoch: Epoch(7) }
    }

    fn texts(told: &[(Pid, engset_term::Term)]) -> Vec<String> {
        told.iter().map(|(pid, term)| format!("{} {term}", pid.number())).collect()
    }

    #[test]
    fn each_subscription_gets_its_form() {
        let mut watchers = Watchers::default();
        let plain = MonitorNodes::default();
        let list = MonitorNodes { info: NodeInfo::List, ..plain };
        let all = MonitorNodes {
            node_type: Some(NodeType::All),
            nodedown_reason: true,
            connection_id: true,
            info: NodeInfo::List,
        };
        let hidden = MonitorNodes { node_type: Some(NodeType::Hidden), info: NodeInfo::Map, ..plain };
        for (number, options) in [(1, plain), (1, plain), (2, list), (3, all), (4, hidden)] {
            watchers.subscribe(pid(number), options).expect("room");
        }
        let up = texts(&watchers.node_up(connection("v@h", true)));
        let expected = [
            "1 {nodeup,v@h}",
            "1 {nodeup,v@h}",
            "2 {nodeup,v@h,[]}",
            "3 {nodeup,v@h,[{node_type,visible},{connection_id,7}]}",
        ];
        assert_eq!(up, expected);
        let down = texts(&watchers.node_down(connection("h@h", false), NodedownReason::NetTickTimeout));
        let expected = [
            "3 {nodedown,h@h,[{node_type,hidden},{nodedown_reason,net_tick_timeout},{connection_id,7}]}",
            "4 {nodedown,h@h,#{node_type => hidden}}",
        ];
        assert_eq!(down, expected);
        assert_eq!(watchers.unsubscribe(pid(1), plain), 2);
        assert_eq!(watchers.node_up(connection("v@h", true)).len(), 2);
        watchers.subscribe_to_full_nodes(pid(5)).expect("room");
        assert_eq!(
            texts(&watchers.node_up(connection("v@h", false))).last().map(String::as_str),
            Some("5 {nodeup,v@h}")
        );
        assert!(watchers.node_up(connection("h@h", false)).iter().all(|(told, _)| *told != pid(5)));
    }

    #[test]
    fn a_monitor_of_a_node_fires_once() {
        let mut watchers = Watchers::default();
        for _ in 0..3 {
            watchers.monitor(pid(1), node("a@h")).expect("room");
        }
        watchers.monitor(pid(2), node("b@h")).expect("room");
        assert!(watchers.demonitor(pid(1), node("a@h")));
        assert!(!watchers.demonitor(pid(1), node("b@h")));
        let down = texts(&watchers.node_down(connection("a@h", false), NodedownReason::Disconnect));
        assert_eq!(down, ["1 {nodedown,a@h}", "1 {nodedown,a@h}"]);
        assert!(watchers.not_reached(node("a@h")).is_empty());
        assert_eq!(watchers.monitors, 1);
    }

    #[test]
    fn the_dead_are_swept_and_the_limit_holds() {
        let mut watchers = Watchers::default();
        for number in 0..WATCHERS_MAX {
            let number = u64::try_from(number).expect("small");
            watchers.subscribe(pid(number), MonitorNodes::default()).expect("room");
            watchers.monitor(pid(number), node("a@h")).expect("room");
        }
        let full = Err(TooManyWatchers { limit: WATCHERS_MAX });
        assert_eq!(watchers.subscribe(pid(1), MonitorNodes::default()), full);
        assert_eq!(watchers.monitor(pid(1), node("b@h")), full);
        watchers.sweep(|pid| pid.number() != 1);
        assert_eq!(watchers.subscribe(pid(1), MonitorNodes::default()), Ok(()));
        assert_eq!(watchers.monitor(pid(1), node("b@h")), Ok(()));
        assert_eq!(watchers.monitor(pid(1), node("b@h")), full);
    }
}
