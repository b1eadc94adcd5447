//! The API of Kubernetes by a small HTTPS server, with answers of the shape that a cluster gives.

use crate::peers::{Seeker, node};
use engset::discover::{Change, Kubernetes, KubernetesMode};
use engset_testkit::free_port;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);
const PATH: &str =
    "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=app%3Dshop&limit=250";

/// What the server does with the next requests; the last stays.
#[derive(Clone)]
enum Says {
    List(String),
    Status(u16, &'static str),
    Nothing,
}

struct Api {
    port: u16,
    account: PathBuf,
    says: Arc<Mutex<VecDeque<Says>>>,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn start() -> Self {
        let authority = {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config =
            config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let account = std::env::temp_dir().join(format!("engset-k8s-{}-{port}", std::process::id()));
        fs::create_dir_all(&account).unwrap();
        fs::write(account.join("ca.crt"), authority.pem()).unwrap();
        fs::write(account.join("namespace"), "shop\n").unwrap();
        fs::write(account.join("token"), "first\n").unwrap();
        let (says, paths) = (Arc::<Mutex<VecDeque<Says>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let api = Self { port, account: account.clone(), says: says.clone(), paths: paths.clone() };
        let config = Arc::new(config);
        #[expect(clippy::disallowed_methods, reason = "the server of the test")]
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), config.clone(), &account, &says, &paths);
            }
        });
        api
    }

    fn says(&self, says: impl IntoIterator<Item = Says>) {
        *self.says.lock().unwrap() = says.into_iter().collect();
    }

    fn strategy(&self) -> Kubernetes {
        Kubernetes::new("app", "app=shop")
            .service_account_path(&self.account)
            .api("127.0.0.1", self.port)
            .polling_interval(SOON)
            .request_within(Duration::from_secs(2))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.account).ok();
    }
}

/// Answers one request; without the token of the file, 401. What fails ends the connection.
fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    account: &Path,
    says: &Mutex<VecDeque<Says>>,
    paths: &Mutex<Vec<String>>,
) {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(length) if length > 2 => lines.push(line.trim().to_owned()),
            Ok(2) => break,
            _ => return,
        }
    }
    paths.lock().unwrap().push(lines[0].split(' ').nth(1).unwrap().to_owned());
    let token = fs::read_to_string(account.join("token")).unwrap();
    let authorized = lines.contains(&format!("authorization: Bearer {}", token.trim()));
    let mut says = says.lock().unwrap();
    let answer = match (authorized, says.len()) {
        (false, _) => Says::Status(401, r#"{"kind":"Status","message":"Unauthorized"}"#),
        (true, 0) => return,
        (true, 1) => says[0].clone(),
        (true, _) => says.pop_front().unwrap(),
    };
    drop(says);
    let (status, body) = match answer {
        Says::List(body) => (200, body),
        Says::Status(status, body) => (status, body.to_owned()),
        // Until the other side gives up.
        Says::Nothing => return drop(stream.read_line(&mut String::new())),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).ok();
    stream.get_mut().flush().ok();
}

fn slices(addresses: &[&str], next: &str) -> Says {
    let endpoints: Vec<String> = addresses
        .iter()
        .map(|address| {
            format!(
                r#"{{"addresses":["{address}"],"conditions":{{"ready":true,"serving":true,"terminating":false}},"targetRef":{{"kind":"Pod","namespace":"shop","name":"app"}},"nodeName":"w1"}}"#
            )
        })
        .collect();
    Says::List(format!(
        r#"{{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{{"resourceVersion":"1","continue":"{next}"}},"items":[{{"metadata":{{"name":"svc-abc","namespace":"shop","labels":{{"kubernetes.io/service-name":"svc"}}}},"addressType":"IPv4","endpoints":[{}],"ports":[{{"name":"epmd","port":4369,"protocol":"TCP"}}]}}]}}"#,
        endpoints.join(",")
    ))
}

#[test]
fn two_nodes_find_each_other_by_slices() {
    let api = Api::start();
    api.says([slices(&["127.0.0.1"], "")]);
    let port = free_port().unwrap();
    // The own pod is among the addresses, and so is the other one.
    let seeker = Seeker::new("seeker@127.0.0.1", port, api.strategy());
    let app = Seeker::new("app@127.0.0.1", port, api.strategy());
    seeker.connected("app@127.0.0.1");
    app.wait(
        |change| matches!(change, Change::Refused(refused) if &*refused.why == "it is this node itself"),
    );
    assert_eq!(api.paths.lock().unwrap()[0], PATH);
    // A new token is used without a restart.
    fs::write(api.account.join("token"), "second").unwrap();
    api.says([slices(&["127.0.0.1", "127.0.0.7"], "")]);
    seeker.wait(|change| matches!(change, Change::Found { name, .. } if &**name == "app@127.0.0.7"));
}

#[test]
fn a_refusal_names_the_rule_and_nobody_is_lost() {
    let api = Api::start();
    api.says([slices(&["127.0.0.1"], "")]);
    let port = free_port().unwrap();
    let _app = node("app@127.0.0.1", port);
    let seeker = Seeker::new("seeker@127.0.0.1", port, api.strategy());
    seeker.connected("app@127.0.0.1");
    let message = r#"{"kind":"Status","status":"Failure","message":"endpointslices.discovery.k8s.io is forbidden","code":403}"#;
    api.says([Says::Status(403, message)]);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    let Change::SourceFailed { error, .. } = change else { panic!() };
    let rule = r#"{apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"]}"#;
    assert!(error.contains(rule) && error.contains("is forbidden"), "{error}");
    assert_eq!(seeker.discovering.report().known.len(), 1);
    assert_eq!(seeker.node.node().connected().len(), 1);
}

#[test]
fn pages_are_joined_and_an_expired_list_is_begun_anew() {
    let api = Api::start();
    let gone = Says::Status(410, r#"{"kind":"Status","reason":"Expired","code":410}"#);
    api.says([
        slices(&["127.0.1.1"], "more"),
        gone,
        slices(&["127.0.1.1"], "more"),
        slices(&["127.0.1.2"], ""),
    ]);
    let seeker =
        Seeker::new("seeker@127.0.0.1", free_port().unwrap(), api.strategy().mode(KubernetesMode::Dns));
    seeker.wait(|change| matches!(change, Change::Found { name, .. } if &**name == "app@127-0-1-2.shop.pod.cluster.local"));
    let paths = api.paths.lock().unwrap()[..4].to_vec();
    let more = format!("{PATH}&continue=more");
    assert_eq!(paths, [PATH, &more, PATH, &more]);
}

#[test]
fn a_slow_server_and_one_of_another_authority_are_errors_that_say_so() {
    let api = Api::start();
    api.says([Says::Nothing]);
    let strategy = api.strategy().request_within(Duration::from_millis(300));
    let seeker = Seeker::new("seeker@127.0.0.1", free_port().unwrap(), strategy);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains("did not answer within 300ms"), "{change:?}");
    let other = Api::start();
    fs::copy(other.account.join("ca.crt"), api.account.join("ca.crt")).unwrap();
    api.says([slices(&["127.0.0.1"], "")]);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains("is not trusted"), "{change:?}");
}

#[test]
fn an_answer_above_the_limit_is_refused() {
    let api = Api::start();
    api.says([Says::List(format!(r#"{{"items":[],"x":"{}"}}"#, "x".repeat(8 << 20)))]);
    let seeker = Seeker::new(
        "seeker@127.0.0.1",
        free_port().unwrap(),
        api.strategy().request_within(Duration::from_secs(20)),
    );
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains("has more than 8388608 bytes"), "{change:?}");
    let head = r#"{"items":[],"x":""}"#.len();
    api.says([Says::List(format!(r#"{{"items":[],"x":"{}"}}"#, "x".repeat((8 << 20) - head)))]);
    seeker.wait(|change| matches!(change, Change::SourceBack { .. }));
}

/// A list that does not end is not taken for a whole one in silence.
#[test]
fn it_is_told_that_a_list_has_more_pages_than_are_read() {
    let api = Api::start();
    api.says([slices(&["127.0.1.1"], "more")]);
    let seeker = Seeker::new("seeker@127.0.0.1", free_port().unwrap(), api.strategy());
    let told = seeker.wait(|change| matches!(change, Change::Refused(_)));
    assert!(format!("{told:?}").contains("only 16 pages of 250 objects are read"), "{told:?}");
    assert_eq!(seeker.discovering.report().known.len(), 1);
}
