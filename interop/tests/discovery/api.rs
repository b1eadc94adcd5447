//! The API of Kubernetes as a small HTTPS server, with answers of the shape that a cluster gives.

use engset::discover::Kubernetes;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);
pub(crate) const PATH: &str =
    "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=app%3Dshop&limit=250";

/// What the server does with the next requests; the last stays.
#[derive(Clone)]
pub(crate) enum Says {
    List(String),
    /// So many slices of so many bytes at least, one address in each, in pages as they are asked for.
    Pages {
        slices: usize,
        bytes: usize,
    },
    Status(u16, &'static str),
    Nothing,
}

/// What the server does with a watch that is open.
pub(crate) enum Part {
    /// Sends these bytes as one chunk.
    Bytes(String),
    /// Ends the answer.
    Close,
    /// Ends the connection in the middle of the answer.
    Cut,
}

pub(crate) struct Api {
    port: u16,
    pub(crate) account: PathBuf,
    state: Arc<State>,
    parts: Sender<Part>,
}

/// What the connections share.
struct State {
    account: PathBuf,
    says: Mutex<VecDeque<Says>>,
    /// How watches are refused, one after the other; the last stays where it is the only one.
    refusals: Mutex<VecDeque<u16>>,
    /// What the open watch does, one at a time.
    parts: Mutex<Receiver<Part>>,
    paths: Mutex<Vec<String>>,
    /// The token that is good; without, what the file has.
    token: Mutex<Option<String>>,
}

impl Api {
    pub(crate) fn start() -> Self {
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
        let (sender, parts) = channel();
        let state = Arc::new(State {
            account: account.clone(),
            says: Mutex::default(),
            refusals: Mutex::new([405].into()),
            parts: Mutex::new(parts),
            paths: Mutex::default(),
            token: Mutex::default(),
        });
        let (config, shared) = (Arc::new(config), state.clone());
        #[expect(clippy::disallowed_methods, reason = "the server of the test")]
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, config, shared) = (stream.unwrap(), config.clone(), shared.clone());
                std::thread::spawn(move || serve(stream, config, &shared));
            }
        });
        Self { port, account, state, parts: sender }
    }

    pub(crate) fn says(&self, says: impl IntoIterator<Item = Says>) {
        *self.state.says.lock().unwrap() = says.into_iter().collect();
    }

    /// Lets the next watches be refused with these statuses; those after it are open.
    pub(crate) fn refuses(&self, statuses: impl IntoIterator<Item = u16>) {
        *self.state.refusals.lock().unwrap() = statuses.into_iter().collect();
    }

    pub(crate) fn part(&self, part: Part) {
        self.parts.send(part).unwrap();
    }

    /// One event of a watch about a slice.
    pub(crate) fn event(&self, kind: &str, slice: &str, addresses: &[&str], version: u32) {
        self.part(Part::Bytes(event(kind, slice, addresses, version)));
    }

    pub(crate) fn token(&self, good: &str) {
        *self.state.token.lock().unwrap() = Some(good.to_owned());
    }

    /// The paths of the lists that were asked for.
    pub(crate) fn lists(&self) -> Vec<String> {
        let paths = self.state.paths.lock().unwrap();
        paths.iter().filter(|path| !path.contains("watch=1")).cloned().collect()
    }

    /// The versions from which was watched.
    pub(crate) fn watches(&self) -> Vec<String> {
        let paths = self.state.paths.lock().unwrap();
        let version =
            |path: &String| Some(path.split_once("&resourceVersion=")?.1.split_once('&')?.0.to_owned());
        paths
            .iter()
            .filter(|path| path.contains("&watch=1&allowWatchBookmarks=true"))
            .filter_map(version)
            .collect()
    }

    pub(crate) fn strategy(&self) -> Kubernetes {
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

/// Answers one request; without the good token, 401. What fails ends the connection.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, state: &State) {
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
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let is_watch = path.contains("&watch=1");
    state.paths.lock().unwrap().push(path.clone());
    let token = state.token.lock().unwrap().clone();
    let token = token.unwrap_or_else(|| fs::read_to_string(state.account.join("token")).unwrap());
    let authorized = lines.contains(&format!("authorization: Bearer {}", token.trim()));
    if authorized && is_watch && state.refusals.lock().unwrap().is_empty() {
        // What fails is the end of this watch.
        return watch(stream.get_mut(), state).unwrap_or_default();
    }
    let answer = match (authorized, is_watch) {
        (false, _) => Says::Status(401, r#"{"kind":"Status","message":"Unauthorized"}"#),
        (true, true) => {
            let mut refusals = state.refusals.lock().unwrap();
            let status = refusals[0];
            if refusals.len() > 1 || status == 410 {
                refusals.pop_front();
            }
            Says::Status(status, r#"{"kind":"Status","message":"no watch"}"#)
        }
        (true, false) => {
            let mut says = state.says.lock().unwrap();
            match says.len() {
                0 => return,
                1 => says[0].clone(),
                _ => says.pop_front().unwrap(),
            }
        }
    };
    let (status, body) = match answer {
        Says::List(body) => (200, body),
        Says::Pages { slices, bytes } => (200, page(&path, slices, bytes)),
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

/// Serves a watch until it is to end, in chunks as the API does.
fn watch(stream: &mut impl Write, state: &State) -> io::Result<()> {
    let parts = state.parts.lock().unwrap();
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    stream.flush()?;
    loop {
        match parts.recv() {
            Ok(Part::Bytes(bytes)) => write!(stream, "{:x}\r\n{bytes}\r\n", bytes.len())?,
            Ok(Part::Close) => {
                stream.write_all(b"0\r\n\r\n")?;
                return stream.flush();
            }
            Ok(Part::Cut) | Err(_) => return Ok(()),
        }
        stream.flush()?;
    }
}

/// A line of a watch.
pub(crate) fn event(kind: &str, slice: &str, addresses: &[&str], version: u32) -> String {
    let slice = self::slice(slice, addresses, version);
    format!("{{\"type\":\"{kind}\",\"object\":{slice}}}\n")
}

/// An object as the API gives it, in a list and in an event.
fn slice(name: &str, addresses: &[&str], version: u32) -> String {
    let endpoint = |address: &&str| {
        format!(
            r#"{{"addresses":["{address}"],"conditions":{{"ready":true,"serving":true,"terminating":false}},"targetRef":{{"kind":"Pod","namespace":"shop","name":"app"}},"nodeName":"w1"}}"#
        )
    };
    let endpoints: Vec<String> = addresses.iter().map(endpoint).collect();
    let endpoints = endpoints.join(",");
    format!(
        r#"{{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{{"name":"{name}","namespace":"shop","resourceVersion":"{version}","labels":{{"kubernetes.io/service-name":"svc"}},"managedFields":[{{"manager":"kube-controller-manager","operation":"Update","fieldsV1":{{"f:endpoints":{{}}}}}}]}},"addressType":"IPv4","endpoints":[{endpoints}],"ports":[{{"name":"epmd","port":4369,"protocol":"TCP"}}]}}"#
    )
}

/// The page that this path asks for; its continuation is the number of the slice to go on with.
fn page(path: &str, slices: usize, bytes: usize) -> String {
    let asked = |key: &str| path.split_once(key).and_then(|(_, rest)| rest.split('&').next()?.parse().ok());
    let from: usize = asked("&continue=").unwrap_or(0);
    let to = slices.min(from + asked("&limit=").unwrap_or(slices));
    let next = if to < slices { to.to_string() } else { String::new() };
    let padding = "x".repeat(bytes);
    let items: Vec<String> = (from..to)
        .map(|number| {
            let address = format!("127.3.{}.{}", number / 250, number % 250);
            let slice = slice(&format!("svc-{number}"), &[&address], 1);
            slice.replace("kube-controller-manager", &padding)
        })
        .collect();
    format!(
        r#"{{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{{"resourceVersion":"1","continue":"{next}"}},"items":[{}]}}"#,
        items.join(",")
    )
}

/// A list of one slice, at version 1.
pub(crate) fn slices(addresses: &[&str], next: &str) -> Says {
    let slice = slice("svc-abc", addresses, 1);
    Says::List(format!(
        r#"{{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{{"resourceVersion":"1","continue":"{next}"}},"items":[{slice}]}}"#
    ))
}
