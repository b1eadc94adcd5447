//! The name service: its server against clients that say anything, its clients against servers that do.

use arbitrary::{Result, Unstructured};
use core::time::Duration;
use engset_dist::epmd::messages::encode_port;
use engset_dist::epmd::{ConnId, Lookup, Names, NodeEntry, Register, Request, Server, ServerConfig};
use engset_term::Instant;

const CONNECTIONS_MAX: usize = 4;

/// Plays the server's and the clients' part with what `data` says.
pub fn run(data: &[u8]) {
    requests(data);
    clients(data);
    // An input that ends early has been played as far as it went.
    serve(&mut Unstructured::new(data)).unwrap_or_default();
}

/// Requests and answers of all kinds.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut entry = NodeEntry::new("abc", 4711);
    let plain = Request::Register(entry.clone());
    entry.extra = b"extra".to_vec();
    let answer = encode_port(Some(&entry));
    let requests = [
        plain,
        Request::Register(entry),
        Request::PortPlease("abc".to_owned()),
        Request::Names,
        Request::Dump,
        Request::Kill,
        Request::Stop("abc".to_owned()),
    ];
    let encoded: Vec<Vec<u8>> = requests.iter().filter_map(|request| request.encode().ok()).collect();
    let mut seeds: Vec<Vec<u8>> =
        encoded.iter().map(|bytes| bytes.get(2..).unwrap_or_default().to_vec()).collect();
    // As a conversation: open, bytes on it.
    seeds.extend(encoded.iter().map(|bytes| {
        let len = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        [&[0, 0, 0, 1, 1, 0, len][..], bytes].concat()
    }));
    seeds.extend([
        answer,
        encode_port(None),
        b"v\0\0\0\0\x07".to_vec(),
        b"y\0\0\x07".to_vec(),
        b"\0\0\x11\x11name abc at port 4711\nname b at port 1\n".to_vec(),
    ]);
    seeds
}

/// What parses as a request says the same again.
fn requests(data: &[u8]) {
    if let Ok(request) = Request::parse(data) {
        let encoded = request.encode().expect("what parses is within limits");
        let body = encoded.get(2..).unwrap_or_default();
        assert_eq!(Request::parse(body), Ok(request), "there and back");
    }
}

fn clients(data: &[u8]) {
    let mut register = Register::new(NodeEntry::new("abc", 1));
    let (mut lookup, mut names) = (Lookup::new("abc"), Names::new());
    let mut answered = false;
    for piece in data.chunks(7) {
        let created = register.handle_bytes(piece);
        assert!(!answered || created.is_err(), "a registration is answered once");
        answered |= matches!(created, Ok(Some(_)));
        if let Ok(Some(Some(entry))) = lookup.handle_bytes(piece) {
            assert_eq!(entry.name, "abc", "the answer is about the node asked for");
        }
        drop(names.handle_bytes(piece));
    }
    drop((register.handle_eof(), lookup.handle_eof(), names.handle_eof()));
}

struct Service {
    server: Server,
    now: Instant,
    last: u64,
}

fn serve(input: &mut Unstructured<'_>) -> Result<()> {
    let config = ServerConfig {
        connections_max: CONNECTIONS_MAX,
        relaxed_command_check: input.arbitrary()?,
        ..ServerConfig::default()
    };
    let mut service = Service { server: Server::new(Instant::ZERO, config), now: Instant::ZERO, last: 0 };
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        service.step(input)?;
    }
    service.check_names();
    Ok(())
}

impl Service {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let kind = input.int_in_range(0..=4_u8)?;
        // Mostly a connection that was opened lately.
        let id = ConnId(self.last.saturating_sub(input.int_in_range(0..=5)?));
        match kind {
            0 => {
                self.last += 1;
                self.server.handle_open(self.now, ConnId(self.last), input.arbitrary()?);
            }
            1 | 2 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let bytes = input.bytes(len)?;
                let is_whole = kind == 2;
                let len = u16::try_from(len).unwrap_or(0).to_be_bytes();
                let bytes = if is_whole { [&len[..], bytes].concat() } else { bytes.to_vec() };
                self.server.handle_bytes(self.now, id, &bytes);
            }
            3 => self.server.handle_close(id),
            _ => {
                self.now = self.now.saturating_add(Duration::from_millis(input.arbitrary::<u16>()?.into()));
                self.server.handle_timeout(self.now);
            }
        }
        self.drain();
        assert!(self.server.connections() <= CONNECTIONS_MAX, "connections are bounded");
        assert!(self.server.nodes().count() <= self.server.connections(), "a node lives on a connection");
        assert!(
            self.server.poll_timeout().is_none_or(|due| due > self.now || kind != 4),
            "time limits are kept"
        );
        Ok(())
    }

    fn drain(&mut self) {
        for id in 0..=self.last {
            drop(self.server.poll_transmit(ConnId(id)));
        }
        while self.server.poll_close().is_some() {}
    }

    /// Whatever happened, an honest client hears of all nodes, unless they have taken every place.
    fn check_names(&mut self) {
        let nodes: Vec<NodeEntry> = self.server.nodes().map(|(entry, _)| entry.clone()).collect();
        if nodes.len() >= CONNECTIONS_MAX {
            return;
        }
        let mut names = Names::new();
        let answer = self.ask(&names.request().expect("NAMES has no limits"));
        names.handle_bytes(&answer).expect("a short answer");
        let list = names.handle_eof().expect("the server's list is a list");
        let known: Vec<_> = nodes.iter().map(|entry| (entry.name.clone(), entry.tcp_port)).collect();
        assert_eq!(list.names, known, "the list names every node");
        for entry in nodes {
            let mut lookup = Lookup::new(&entry.name);
            let answer = self.ask(&lookup.request().expect("a registered name is a name"));
            assert_eq!(
                lookup.handle_bytes(&answer),
                Ok(Some(Some(entry))),
                "each node is found as it registered"
            );
        }
    }

    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.last += 1;
        let id = ConnId(self.last);
        self.server.handle_open(self.now, id, false);
        self.server.handle_bytes(self.now, id, request);
        let answer = self.server.poll_transmit(id).expect("an honest client is answered");
        while self.server.poll_close().is_some() {}
        answer
    }
}
