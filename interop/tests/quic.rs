//! A node that speaks QUIC with its like, in a cluster with live Erlang nodes, which reach it by TLS as ever.

#[path = "../../crates/net/tests/certs/mod.rs"]
mod certs;
mod stage;

use certs::{Authority, Conf};
use engset::net::{QUIC_PROTOCOL, TlsConfig, TlsVersion};
use engset::{Node, NodeName};
use engset_testkit::{Beam, EpmdProcess, free_port, require_erl};
use stage::{COOKIE, RUST};
use std::sync::mpsc;
use std::time::Duration;

const BEAM: &str = "beam@127.0.0.1";
const OTHER: &str = "other@127.0.0.1";

struct Scene {
    node: Node,
    other: Node,
    beam: Beam,
    authority: Authority,
    port: u16,
    _conf: Conf,
    _epmd: Option<EpmdProcess>,
}

/// Two nodes with QUIC and an Erlang node with TLS of the same cluster; `None` where Erlang is not installed. The EPMD is
/// the one that comes with Erlang, or without `stock`
/// the first of our nodes.
fn scene(stock: bool) -> Option<Scene> {
    require_erl()?;
    let epmd = stock.then(|| EpmdProcess::start().expect("it comes with Erlang"));
    let port = epmd.as_ref().map_or_else(|| free_port().expect("a free port"), EpmdProcess::port);
    let authority = Authority::new("cluster");
    let start_node = |name: &str| {
        let own = authority.node(name);
        let tls = TlsConfig::from_pem_with_versions(
            authority.pem.as_bytes(),
            own.pem.as_bytes(),
            own.key.as_bytes(),
            &[TlsVersion::Tls12, TlsVersion::Tls13],
        );
        let node = Node::builder().name(name).cookie(COOKIE).epmd_tcp_port(port).workers(2).visible(true);
        let node = node.quic(tls.expect("they fit")).start().expect("it starts");
        let canned =
            node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) });
        canned.expect("it runs").expect("it starts");
        node
    };
    let (node, other) = (start_node(RUST), start_node(OTHER));
    let conf = authority.node(BEAM).ssl_dist_conf(&authority, "");
    let beam = Beam::builder().name(BEAM).cookie(COOKIE).epmd_port(port).erl_args(conf.erl_args());
    let beam = beam.time_limit(Duration::from_secs(30)).start().expect("it starts");
    Some(Scene { node, other, beam, authority, port, _conf: conf, _epmd: epmd })
}

fn dial(from: &Node, peer: &str) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(peer).expect("a name");
    from.node().connect(peer, move |result| drop(sender.send(result.map_err(|error| error.to_string()))));
    receiver.recv().expect("an attempt ends")
}

/// Each reaches each, by its own way, through the EPMD that comes with Erlang and through ours.
#[test]
fn erlang_nodes_reach_a_node_with_quic_by_tls_and_its_like_by_quic() {
    for stock in [true, false] {
        let Some(scene) = scene(stock) else { return };
        dial(&scene.node, OTHER).expect("by QUIC");
        dial(&scene.node, BEAM).expect("by TLS");
        for node in [RUST, OTHER] {
            let told = scene
                .beam
                .eval(&format!("{{net_adm:ping('{node}'), rpc:call('{node}', erlang, node, [])}}."));
            assert_eq!(told.expect("an answer"), format!("{{pong,'{node}'}}"), "stock EPMD: {stock}");
        }
        let counts = scene.node.quic().expect("it has QUIC");
        assert_eq!((counts.dialled + counts.accepted, counts.detours), (1, 0), "stock EPMD: {stock}");
        let all = scene.beam.eval("lists:sort(nodes()).").expect("an answer");
        assert_eq!(all, format!("['{OTHER}','{RUST}']"));
    }
}

/// An Erlang node sees the offer in EPMD as it is, and as nothing that it has to know.
#[test]
fn the_offer_is_in_epmd_and_disturbs_nobody() {
    for stock in [true, false] {
        let Some(scene) = scene(stock) else { return };
        let names =
            scene.beam.eval("{ok, L} = erl_epmd:names(\"127.0.0.1\"), lists:sort([N || {N, _} <- L]).");
        assert_eq!(names.expect("an answer"), "[\"beam\",\"other\",\"rust\"]");
        // The answer of EPMD as it is on the wire: its last field is what the node has said.
        let told = scene.beam.eval(&format!(
            "{{ok, S}} = gen_tcp:connect(\"127.0.0.1\", list_to_integer(os:getenv(\"ERL_EPMD_PORT\")), [binary, {{active, false}}]), \
             ok = gen_tcp:send(S, <<5:16, $z, \"rust\">>), \
             {{ok, A}} = gen_tcp:recv(S, 0), \
             [<<\"{QUIC_PROTOCOL} \", Port/binary>>] = [E || <<119, 0, _:16, _, _, _:16, _:16, NL:16, _:NL/binary, L:16, E:L/binary>> <- [A]], \
             binary_to_integer(Port) > 0."
        ));
        assert_eq!(told.expect("an answer"), "true", "stock EPMD: {stock}");
        drop(scene.other);
    }
}

/// A node without a name gets it over QUIC, and is known by it to an Erlang node that it reaches by TLS.
#[test]
fn a_node_that_is_named_over_quic_is_known_to_erlang_by_that_name() {
    let Some(scene) = scene(false) else { return };
    let own = scene.authority.host("127.0.0.1");
    let tls = TlsConfig::from_pem_with_versions(
        scene.authority.pem.as_bytes(),
        own.pem.as_bytes(),
        own.key.as_bytes(),
        &[TlsVersion::Tls12, TlsVersion::Tls13],
    );
    let node =
        Node::builder().name_from_peer("127.0.0.1").cookie(COOKIE).epmd_tcp_port(scene.port).workers(2);
    let node = node.quic(tls.expect("they fit")).start().expect("it starts");
    dial(&node, RUST).expect("by QUIC");
    assert_eq!(node.quic().map(|quic| (quic.dialled, quic.detours)), Some((1, 0)));
    dial(&node, BEAM).expect("by TLS");
    let name = node.node().name();
    let told = scene.beam.eval(&format!("{{nodes(hidden), net_adm:ping('{name}')}}."));
    assert_eq!(told.expect("an answer"), format!("{{['{name}'],pong}}"));
    // With the connection that it came over the name goes, and with it all others.
    scene.node.node().disconnect(name);
    let gone = "(fun Wait() -> case nodes(hidden) of [] -> gone; _ -> timer:sleep(20), Wait() end end)().";
    assert_eq!(scene.beam.eval(gone).expect("an answer"), "gone");
}
