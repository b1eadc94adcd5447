//! TLS with live Erlang nodes (`-proto_dist inet_tls`): each side dials, both versions, and what is refused.
//!
//! Tests with a name of OTP's `ssl_dist_SUITE` are its cases.
#![expect(clippy::unwrap_used, reason = "part of tests")]

#[path = "../../crates/net/tests/certs/mod.rs"]
mod certs;
mod stage;

use certs::{Authority, Certificate, Conf};
use engset::net::{CloseReason, ConnectError, TlsConfig, TlsError, TlsFault, TlsVersion};
use engset::{Atom, Dynamic, Node, NodeName, Service, Term};
use engset_testkit::{Beam, free_port, require_erl};
use stage::{COOKIE, RUST};
use std::sync::mpsc;
use std::time::Duration;

const BEAM: &str = "beam@127.0.0.1";
const HOST: &str = "127.0.0.1";

struct Scene {
    node: Node,
    beam: Beam,
    _conf: Conf,
}

/// What differs between scenes.
struct Plan {
    ours: Certificate,
    theirs: Certificate,
    /// Whom both sides trust.
    authority: Authority,
    versions: Vec<TlsVersion>,
    their_options: &'static str,
    their_arguments: Vec<&'static str>,
}

impl Plan {
    /// Both nodes have certificates for themselves from one authority.
    fn good() -> Self {
        let authority = Authority::new("cluster");
        Self {
            ours: authority.node(RUST),
            theirs: authority.node(BEAM),
            authority,
            versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
            their_options: "",
            their_arguments: vec![],
        }
    }

    fn start_node(&self, epmd_tcp_port: u16) -> Node {
        let tls = TlsConfig::from_pem_with_versions(
            self.authority.pem.as_bytes(),
            self.ours.pem.as_bytes(),
            self.ours.key.as_bytes(),
            &self.versions,
        );
        let builder = Node::builder().name(RUST).cookie(COOKIE).epmd_tcp_port(epmd_tcp_port).workers(2);
        let node = builder.tls(tls.unwrap()).start().unwrap();
        node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) })
            .unwrap()
            .unwrap();
        node
    }

    /// `None` where Erlang is not installed.
    fn start(self) -> Option<Scene> {
        require_erl()?;
        let port = free_port().unwrap();
        let node = self.start_node(port);
        let conf = self.theirs.ssl_dist_conf(&self.authority, self.their_options);
        let beam = Beam::builder().name(BEAM).cookie(COOKIE).epmd_port(port).erl_args(conf.erl_args());
        let beam = beam.erl_args(self.their_arguments).time_limit(Duration::from_secs(30)).start().unwrap();
        Some(Scene { node, beam, _conf: conf })
    }
}

impl Scene {
    #[track_caller]
    fn check(&self, expression: &str, expected: &str) {
        let expression = expression.replace("$N", &format!("'{RUST}'"));
        assert_eq!(self.beam.eval(&expression).unwrap(), expected, "{expression}");
    }

    /// Connects from this side.
    fn dial(&self) -> Result<(), String> {
        self.dial_as(BEAM).map_err(|error| error.to_string())
    }

    fn dial_as(&self, peer: &str) -> Result<(), engset::net::DialError> {
        let (sender, receiver) = mpsc::channel();
        self.node.node().connect(NodeName::new(peer).unwrap(), move |result| sender.send(result).unwrap());
        receiver.recv().unwrap()
    }

    /// What is wrong with the connection when this side dials.
    fn fault(&self) -> TlsFault {
        let error = self.dial_as(BEAM).unwrap_err();
        let carrier = |error: &CloseReason| match error {
            CloseReason::Carrier(error) => error
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref)
                .and_then(|error| error.downcast_ref::<TlsError>())
                .map(|error| error.fault),
            _ => None,
        };
        let fault = match (error.downcast_ref::<ConnectError>(), error.downcast_ref::<CloseReason>()) {
            (Some(ConnectError::Tls { error, .. }), _) => Some(error.fault),
            (_, Some(reason)) => carrier(reason),
            _ => None,
        };
        fault.unwrap_or_else(|| panic!("no error of TLS: {error}"))
    }

    /// Waits until this node has heard of the loss: what goes over the old connection would be lost with it.
    fn await_loss(&self) {
        let scheduler = self.node.processes().scheduler();
        let begun = scheduler.now();
        while !self.node.node().connected().is_empty() {
            let took = scheduler.now().saturating_duration_since(begun);
            assert!(took < Duration::from_secs(10), "the connection is still there");
            std::thread::yield_now();
        }
    }

    fn ping(&self) {
        let pong = self.node.block_on(|cx| async move {
            let net_kernel = Service::at(Atom::from_static("net_kernel"), NodeName::new(BEAM).unwrap());
            let me = Term::Atom(Atom::new(&cx.node().text()).unwrap());
            Dynamic::call(&net_kernel, Term::tuple([Term::atom("is_auth"), me])).await
        });
        assert_eq!(pong.unwrap(), Ok(Term::atom("yes")));
    }
}

#[test]
fn basic() {
    let Some(scene) = Plan::good().start() else { return };
    scene.check("net_adm:ping($N).", "pong");
    scene.check("nodes(hidden) =:= [$N].", "true");
    scene.check("gen_server:call({counter, $N}, {add, 3}).", "3");
    scene.check("erlang:disconnect_node($N).", "true");
    scene.await_loss();
    scene.check("nodes(hidden).", "[]");
    scene.ping();
    scene.check("nodes(hidden) =:= [$N].", "true");
    assert_eq!(scene.node.node().connected().len(), 1);
}

/// Terms of every size in both directions, small ones and ones of many records.
#[test]
fn payload() {
    let Some(scene) = Plan::good().start() else { return };
    for size in [0, 1, 1_000, 16_384, 65_536, 100_000, 5_000_000] {
        scene.check(
            &format!(
                "fun(B) -> {{echo, $N}} ! {{self(), B}}, receive {{echo, B}} -> same; O -> {{other, erlang:external_size(O)}} after 20000 -> nothing end end(crypto:strong_rand_bytes({size}))."
            ),
            "same",
        );
    }
}

/// An Erlang node that is told by `-ssl_dist_opt` instead of a file.
#[test]
fn plain_options() {
    let plan = Plan::good();
    if require_erl().is_none() {
        return;
    }
    let conf = plan.theirs.ssl_dist_conf(&plan.authority, "");
    let folder = std::path::Path::new(&conf.path).parent().unwrap().display().to_string();
    let mut options = vec!["-proto_dist".to_owned(), "inet_tls".to_owned()];
    for side in ["server", "client"] {
        for (option, value) in [("certfile", "node.pem"), ("keyfile", "node.key"), ("cacertfile", "ca.pem")] {
            options.extend([
                "-ssl_dist_opt".to_owned(),
                format!("{side}_{option}"),
                format!("{folder}/{value}"),
            ]);
        }
        options.extend(["-ssl_dist_opt".to_owned(), format!("{side}_verify"), "verify_peer".to_owned()]);
    }
    let port = free_port().unwrap();
    let node = plan.start_node(port);
    let beam = Beam::builder().name(BEAM).cookie(COOKIE).epmd_port(port);
    let beam = beam.erl_args(options.iter().map(String::as_str)).start().unwrap();
    assert_eq!(beam.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pong");
    drop(node);
}

/// What OTP 25 speaks unless it is told otherwise, each version alone, and none in common.
#[test]
fn both_versions_are_spoken() {
    const V12: &str = ", {versions, ['tlsv1.2']}";
    const V13: &str = ", {versions, ['tlsv1.3']}";
    let (tls12, tls13) = (TlsVersion::Tls12, TlsVersion::Tls13);
    for (ours, theirs) in [
        (vec![tls12, tls13], ""),
        (vec![tls12, tls13], V12),
        (vec![tls12, tls13], V13),
        (vec![tls12], V12),
        (vec![tls13], V13),
    ] {
        let plan = Plan { versions: ours.clone(), their_options: theirs, ..Plan::good() };
        let Some(scene) = plan.start() else { return };
        scene.check("net_adm:ping($N).", "pong");
        scene.check("erlang:disconnect_node($N).", "true");
        scene.await_loss();
        scene.ping();
        assert_eq!(scene.node.node().connected().len(), 1, "{ours:?} {theirs}");
    }
    for (ours, theirs) in [(vec![tls13], ""), (vec![tls12], V13)] {
        let Some(scene) = (Plan { versions: ours, their_options: theirs, ..Plan::good() }).start() else {
            return;
        };
        scene.check("net_adm:ping($N).", "pang");
        assert_eq!(scene.fault(), TlsFault::NothingInCommon);
    }
}

/// A node is named by its certificate as a URI or as a DNS name; the right one passes.
#[test]
fn verify_fun_pass() {
    for kind in
        [Authority::node_as_dns_name as fn(&Authority, &str) -> Certificate, Authority::node, |a, _| {
            a.host(HOST)
        }]
    {
        let mut plan = Plan::good();
        plan.theirs = kind(&plan.authority, BEAM);
        let Some(scene) = plan.start() else { return };
        scene.check("net_adm:ping($N).", "pong");
        scene.check("erlang:disconnect_node($N).", "true");
        scene.await_loss();
        scene.ping();
    }
}

/// A node with another's certificate is refused whichever side dials, and nobody is named who is not there.
#[test]
fn verify_fun_fail() {
    for kind in [Authority::node_as_dns_name as fn(&Authority, &str) -> Certificate, Authority::node] {
        let mut plan = Plan::good();
        plan.theirs = kind(&plan.authority, "other@127.0.0.1");
        let Some(scene) = plan.start() else { return };
        assert_eq!(scene.fault(), TlsFault::PeerCertificateForOtherNode);
        let told = scene.dial().unwrap_err();
        assert!(told.contains("for other@127.0.0.1, not for beam@127.0.0.1"), "{told}");
        scene.check("net_adm:ping($N).", "pang");
        assert_eq!(scene.node.node().connected(), []);
    }
}

#[test]
fn a_certificate_for_another_host_is_refused_whichever_side_dials() {
    let mut plan = Plan::good();
    plan.theirs = plan.authority.host("elsewhere.example");
    let Some(scene) = plan.start() else { return };
    assert_eq!(scene.fault(), TlsFault::PeerCertificateForOtherHost);
    scene.check("net_adm:ping($N).", "pang");
    assert_eq!(scene.node.node().connected(), []);
}

#[test]
fn a_certificate_from_another_authority_is_refused_whichever_side_dials() {
    let mut plan = Plan::good();
    let stranger = Authority::new("another cluster");
    plan.theirs = stranger.node(BEAM);
    let Some(scene) = plan.start() else { return };
    assert_eq!(scene.fault(), TlsFault::PeerCertificateFromOtherAuthority);
    scene.check("net_adm:ping($N).", "pang");
}

#[test]
fn an_erlang_node_that_does_not_know_our_authority_is_told_of() {
    for options in ["", ", {versions, ['tlsv1.3']}"] {
        let mut plan = Plan { their_options: options, ..Plan::good() };
        plan.ours = Authority::new("another cluster").node(RUST);
        let Some(scene) = plan.start() else { return };
        assert_eq!(scene.fault(), TlsFault::OurCertificateFromOtherAuthority);
        scene.check("net_adm:ping($N).", "pang");
    }
}

#[test]
fn an_expired_certificate_is_told_of_on_either_side() {
    let mut plan = Plan::good();
    plan.theirs = plan.authority.expired(HOST);
    let Some(scene) = plan.start() else { return };
    assert_eq!(scene.fault(), TlsFault::PeerCertificateExpired);
    scene.check("net_adm:ping($N).", "pang");
    let mut plan = Plan::good();
    plan.ours = plan.authority.expired(HOST);
    let Some(scene) = plan.start() else { return };
    assert_eq!(scene.fault(), TlsFault::OurCertificateExpired);
    scene.check("net_adm:ping($N).", "pang");
}

#[test]
fn nodes_with_and_without_tls_say_so() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let plain = stage::start_canned("plain@127.0.0.1", port, false);
    let plan = Plan::good();
    let ours = plan.start_node(port);
    let conf = plan.theirs.ssl_dist_conf(&plan.authority, "");
    let theirs =
        Beam::builder().name(BEAM).cookie(COOKIE).epmd_port(port).erl_args(conf.erl_args()).start().unwrap();
    let theirs_plain = stage::start_beam("erlang", port);
    let told = |from: &Node, to: &str| {
        let (sender, receiver) = mpsc::channel();
        from.node().connect(NodeName::new(to).unwrap(), move |result| sender.send(result).unwrap());
        receiver.recv().unwrap().unwrap_err().to_string()
    };
    // Without TLS to those with.
    for peer in [BEAM, RUST] {
        let told = told(&plain, peer);
        assert!(told.contains("speaks TLS") || told.contains("closed the connection"), "{peer}: {told}");
    }
    // With TLS to those without.
    for peer in ["plain@127.0.0.1", "erlang@127.0.0.1"] {
        let told = told(&ours, peer);
        assert!(told.contains("without TLS"), "{peer}: {told}");
    }
    assert_eq!(theirs.eval("net_adm:ping('plain@127.0.0.1').").unwrap(), "pang");
    assert_eq!(theirs_plain.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pang");
    assert_eq!(theirs.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pong");
}
