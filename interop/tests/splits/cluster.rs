//! A cluster of Erlang and Engset nodes, each on a host of its own, that take two seconds of silence for a loss.

use crate::certs::{Authority, Conf};
use engset::net::{MonitorNodes, NodeConfig, NodeInfo, TlsConfig, TlsVersion};
use engset::{Cx, Mail, Node, NodeName, Term};
use engset_testkit::{Beam, BeamError, Elixir, Host, Network, require_elixir, require_erl, require_network};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub const COOKIE: &str = "interop";
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often nodes are connected that are to be connected all: for a minute. An attempt that a machine holds up for some
/// seconds ends after seven.
const CONNECTED_AGAIN_MAX: usize = 15;
const NET_TICKTIME: Duration = Duration::from_secs(2);

/// Waits on an Erlang node until it is connected to exactly these, event by event; and tells why it has lost a node. Hosts are
/// addresses here: the program that it asks for them otherwise, and that `net_kernel` waits for, hangs when the machine stands
/// still for some seconds.
const VIEW: &str = "ok = inet_db:set_lookup([file]), \
    ok = net_kernel:monitor_nodes(true, [nodedown_reason]), \
    View = fun(Expected) -> Look = fun L() -> case lists:sort(nodes()) of Expected -> ok; Others -> \
      receive {nodeup, _, _} -> L(); {nodedown, N, I} -> put({lost, N}, I), L() after 30000 -> {still, Others} end \
      end end, Look() end, \
    Lost = fun(N) -> [{nodedown_reason, R}] = case erase({lost, N}) of \
      undefined -> receive {nodedown, N, I} -> I after 30000 -> [{nodedown_reason, none}] end; I -> I end, R end, \
    Show = fun(undefined) -> undefined; (P) -> [_, I, S] = string:lexemes(pid_to_list(P), \"<.>\"), \
      lists:flatten(io_lib:format(\"<~s.~s.~s>\", [node(P), I, S])) end, \
    Spawn = fun() -> spawn(fun() -> receive stop -> ok end end) end, ok.";

/// Whom each node sees, itself included.
pub type Views = BTreeMap<String, BTreeSet<String>>;

/// `rust0`, `rust1`, … and `beam0`, `beam1`, …, in this order on the hosts of a network.
pub struct Cluster {
    pub rust: Vec<Member>,
    pub beams: Vec<Beam>,
    network: Network,
    kind: Kind,
    _confs: Vec<Conf>,
}

/// What the nodes of a cluster are like.
#[derive(Default)]
pub struct Kind {
    pub prevents_overlap: bool,
    /// The BEAM nodes are Elixir's. What they are asked is Erlang all the same.
    pub is_elixir: bool,
    /// All connections are TLS, with certificates from here.
    pub tls: Option<Authority>,
}

/// An Engset node, and the coming and going of nodes as it sees it.
pub struct Member {
    pub node: Node,
    events: Mutex<Receiver<Term>>,
}

impl Cluster {
    /// Visible nodes that are not connected; `None` where the test cannot be run.
    pub fn new(rust: usize, beams: usize, prevents_overlap: bool) -> Option<Self> {
        Self::of_kind(rust, beams, Kind { prevents_overlap, ..Kind::default() })
    }

    /// Like [`Cluster::new`], of nodes that are not the usual ones.
    pub fn of_kind(rust: usize, beams: usize, kind: Kind) -> Option<Self> {
        if kind.is_elixir {
            require_elixir()?;
        }
        require_erl()?;
        require_network()?;
        let network = Network::new(rust + beams).unwrap();
        let (hosts, others) = network.hosts().split_at(rust);
        let start = |(number, host)| Member::start(number, host, &kind);
        let rust = hosts.iter().enumerate().map(start).collect();
        let start = |(number, host)| start_beam(number, host, &kind);
        let (beams, confs): (_, Vec<Option<Conf>>) = others.iter().enumerate().map(start).unzip();
        let cluster = Self { rust, beams, network, kind, _confs: confs.into_iter().flatten().collect() };
        cluster.beams.iter().for_each(|beam| drop(cluster.eval(beam, VIEW)));
        Some(cluster)
    }

    /// Another Erlang node, on the host of the first node of the cluster.
    pub fn start_beam_beside(&self, name: &str, args: &[&str]) -> Beam {
        let host = &self.network.hosts()[0];
        let name = format!("{name}@{}", host.address());
        // The EPMD of the host is the node that is there.
        let beam = Beam::builder().name(&name).cookie(COOKIE).host(host).epmd_port(4369);
        let beam = beam.erl_args(["-kernel", "net_ticktime", &NET_TICKTIME.as_secs().to_string()]);
        beam.erl_args(args.iter().copied()).time_limit(Duration::from_secs(60)).start().unwrap()
    }

    /// All nodes, as `rust0`.
    pub fn all(&self) -> Vec<String> {
        let rust = (0..self.rust.len()).map(|number| format!("rust{number}"));
        rust.chain((0..self.beams.len()).map(|number| format!("beam{number}"))).collect()
    }

    /// The whole name of `rust0` and its like.
    pub fn name(&self, node: &str) -> String {
        format!("{node}@{}", self.network.hosts()[self.host(node)].address())
    }

    pub fn rust(&self, node: &str) -> Option<&Node> {
        let number: usize = node.strip_prefix("rust")?.parse().unwrap();
        Some(&self.rust[number].node)
    }

    pub fn beam(&self, node: &str) -> &Beam {
        let number: usize = node.strip_prefix("beam").unwrap().parse().unwrap();
        &self.beams[number]
    }

    fn host(&self, node: &str) -> usize {
        self.all().iter().position(|other| other == node).unwrap()
    }

    /// Connects all nodes, each from its own side and all at once, as after the end of a partition. What is cut yet by a
    /// loss that was told of before is connected again.
    #[track_caller]
    pub fn connect_all(&self) {
        let all = self.all();
        let is_whole = |views: &Views| views.values().all(|seen| seen.len() == all.len());
        for _ in 0..CONNECTED_AGAIN_MAX {
            for node in &all {
                all.iter()
                    .filter(|other| *other != node)
                    .for_each(|other| self.begin_to_connect(node, other));
            }
            if poll(&self.rust[0].node, NET_TICKTIME * 2, || self.views(), is_whole).1 {
                return self.expect_views(&[&all.iter().map(String::as_str).collect::<Vec<_>>()]);
            }
        }
        panic!("the nodes do not find together: {:?}", self.views());
    }

    /// Connects all nodes until they see this, or for long enough: a node that is held up for longer than `net_ticktime`, or
    /// a loss that is told of late, cuts some of them again.
    pub fn connect_until(&self, is_seen: impl Fn() -> bool) {
        for _ in 0..CONNECTED_AGAIN_MAX {
            self.connect_all();
            if poll(&self.rust[0].node, NET_TICKTIME * 2, &is_seen, |is_seen| *is_seen).1 {
                return;
            }
        }
    }

    /// Whom each node sees, itself included.
    pub fn views(&self) -> Views {
        let all = self.all();
        let view = |node: &String| {
            let nodes: BTreeSet<String> = match self.rust(node) {
                Some(rust) => {
                    rust.node().connected().into_iter().map(|(peer, _)| peer.text().to_string()).collect()
                }
                None => {
                    let nodes =
                        self.eval(self.beam(node), "lists:append([[$  | atom_to_list(N)] || N <- nodes()])");
                    nodes.trim_matches('"').split_whitespace().map(str::to_owned).collect()
                }
            };
            let names = all.iter().filter(|other| *other == node || nodes.contains(&self.name(other)));
            (node.clone(), names.cloned().collect())
        };
        all.iter().map(view).collect()
    }

    /// Lets a node connect to another one, and waits for nothing.
    pub fn begin_to_connect(&self, from: &str, to: &str) {
        let to = self.name(to);
        match self.rust(from) {
            Some(node) => node.node().connect(NodeName::new(&to).unwrap(), drop),
            None => {
                let connect = format!("spawn(fun() -> net_kernel:connect_node('{to}') end), ok");
                self.eval(self.beam(from), &connect);
            }
        }
    }

    /// Cuts the network between all hosts that are not of one part.
    pub fn split(&self, parts: &[&[&str]]) {
        let parts: Vec<Vec<usize>> =
            parts.iter().map(|part| part.iter().map(|node| self.host(node)).collect()).collect();
        self.network.split(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    }

    /// Cuts the network between two nodes.
    pub fn cut(&self, one: &str, other: &str) {
        self.network.cut(self.host(one), self.host(other)).unwrap();
    }

    /// Loses what one node sends to another, not what that one sends.
    pub fn cut_one_way(&self, from: &str, to: &str) {
        self.network.cut_one_way(self.host(from), self.host(to)).unwrap();
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        self.network.heal_all().unwrap();
    }

    /// Waits until each node is connected to all others of its part, and to no more.
    #[track_caller]
    pub fn expect_views(&self, parts: &[&[&str]]) {
        for part in parts {
            for node in *part {
                let others: Vec<&str> = part.iter().copied().filter(|other| other != node).collect();
                self.expect_view(node, &others);
            }
        }
    }

    /// Waits until a node is connected to exactly these.
    #[track_caller]
    pub fn expect_view(&self, node: &str, others: &[&str]) {
        let others: BTreeSet<String> = others.iter().map(|other| self.name(other)).collect();
        match self.rust(node) {
            Some(_) => self.rust[self.host(node)].expect_view(&others),
            None => {
                let quoted: Vec<String> = others.iter().map(|other| format!("'{other}'")).collect();
                let view = format!("View([{}])", quoted.join(","));
                assert_eq!(self.eval(self.beam(node), &view), "ok", "{node} waits for {others:?}");
            }
        }
    }

    /// Waits for the loss of a node, as another one hears of it, and gives the reason.
    #[track_caller]
    pub fn reason_of_loss(&self, seen_by: &str, lost: &str) -> String {
        let lost = self.name(lost);
        match self.rust(seen_by) {
            Some(_) => self.rust[self.host(seen_by)].reason_of_loss(&lost),
            None => self.eval(self.beam(seen_by), &format!("Lost('{lost}')")),
        }
    }

    /// The value of an expression on an Erlang node, as it prints.
    #[track_caller]
    pub fn eval(&self, beam: &Beam, expression: &str) -> String {
        let value =
            if self.kind.is_elixir { eval_in_elixir(beam, expression) } else { beam.eval(expression) };
        match value {
            Ok(value) => value,
            Err(error) => panic!("{}: {expression}\n{error}", beam.node_name()),
        }
    }
}

impl Member {
    fn start(number: usize, host: &Host, kind: &Kind) -> Self {
        let adjust: fn(&mut NodeConfig) =
            if kind.prevents_overlap { impatient } else { impatient_and_overlapping };
        let name = format!("rust{number}@{}", host.address());
        let mut builder = Node::builder().name(&name).cookie(COOKIE);
        if let Some(authority) = &kind.tls {
            let (own, versions) = (authority.node(&name), [TlsVersion::Tls12, TlsVersion::Tls13]);
            let pems = [&authority.pem, &own.pem, &own.key].map(String::as_bytes);
            let tls = TlsConfig::from_pem_with_versions(pems[0], pems[1], pems[2], &versions);
            builder = builder.tls(tls.unwrap());
        }
        let builder = builder.visible(true).listen(host.address().into()).epmd_tcp_port(4369).workers(2);
        let node = host.run(|| builder.adjust(adjust).start()).unwrap().unwrap();
        let (sender, events) = channel();
        let core = node.node().clone();
        node.block_on(move |cx| async move {
            let note = |mut cx: Cx<Term>| async move {
                while let Mail::Message(message) = cx.recv().await {
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            };
            let note = cx.spawn::<Term, _, _>(note).unwrap().pid();
            let options =
                MonitorNodes { nodedown_reason: true, info: NodeInfo::List, ..MonitorNodes::default() };
            core.monitor_nodes(note, options).unwrap();
        })
        .unwrap();
        Self { node, events: Mutex::new(events) }
    }

    #[track_caller]
    fn expect_view(&self, others: &BTreeSet<String>) {
        let seen = || -> BTreeSet<String> {
            let connected = self.node.node().connected().into_iter();
            connected.map(|(peer, _)| peer.text().to_string()).collect()
        };
        let events = self.events.lock().unwrap();
        while seen() != *others {
            let event = events.recv_timeout(PATIENCE);
            assert!(event.is_ok(), "{} sees {:?}, not {others:?}", self.node.node().name(), seen());
        }
    }

    #[track_caller]
    fn reason_of_loss(&self, lost: &str) -> String {
        let events = self.events.lock().unwrap();
        loop {
            let event = events.recv_timeout(PATIENCE).expect("the loss is told");
            if let Some([kind, node, info]) = event.as_tuple()
                && kind.is_atom("nodedown")
                && node.is_atom(lost)
            {
                return info.to_string();
            }
        }
    }
}

/// Looks until it is so, by the node's clock for a while at most; what was seen last, and whether it was so.
pub fn poll<T>(
    node: &Node,
    patience: Duration,
    look: impl Fn() -> T,
    is_so: impl Fn(&T) -> bool,
) -> (T, bool) {
    let clock = node.processes().scheduler();
    let due = clock.now().saturating_add(patience);
    loop {
        let seen = look();
        let done = is_so(&seen);
        if done || clock.now() >= due {
            return (seen, done);
        }
        std::thread::yield_now();
    }
}

fn start_beam(number: usize, host: &Host, kind: &Kind) -> (Beam, Option<Conf>) {
    let ticktime = NET_TICKTIME.as_secs().to_string();
    let prevents_overlap = kind.prevents_overlap.to_string();
    let args = ["-kernel", "net_ticktime", &ticktime, "prevent_overlapping_partitions", &prevents_overlap];
    let name = format!("beam{number}@{}", host.address());
    let beam = if kind.is_elixir { Elixir::builder() } else { Beam::builder() };
    let mut beam = beam.name(&name).cookie(COOKIE).host(host).erl_args(args);
    let conf = kind.tls.as_ref().map(|authority| authority.node(&name).ssl_dist_conf(authority, ""));
    if let Some(conf) = &conf {
        beam = beam.erl_args(conf.erl_args());
    }
    (beam.time_limit(Duration::from_secs(60)).start().unwrap(), conf)
}

/// Evaluates Erlang on a node of Elixir, with variables that stay; the value as Erlang prints it.
fn eval_in_elixir(beam: &Beam, expression: &str) -> Result<String, BeamError> {
    let hex: String =
        expression.trim_end_matches('.').bytes().chain([b'.']).map(|byte| format!("{byte:02X}")).collect();
    let eval = format!(
        "(fn text -> {{:ok, tokens, _}} = :erl_scan.string(text); {{:ok, parsed}} = :erl_parse.parse_exprs(tokens); \
         {{:value, value, bindings}} = :erl_eval.exprs(parsed, Process.get(:erlang, [])); \
         Process.put(:erlang, bindings); IO.chardata_to_string(:io_lib.format(\"~0tp\", [value])) end).( \
         String.to_charlist(Base.decode16!(\"{hex}\")))"
    );
    let shown = beam.eval(&eval)?;
    let inner = shown.strip_prefix('"').and_then(|shown| shown.strip_suffix('"')).unwrap_or(&shown);
    Ok(inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

fn impatient(config: &mut NodeConfig) {
    config.tick.net_ticktime = NET_TICKTIME;
}

fn impatient_and_overlapping(config: &mut NodeConfig) {
    impatient(config);
    config.global.prevents_overlap = false;
}
