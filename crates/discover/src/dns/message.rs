//! One question to a resolver as bytes, and its answer.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The longest answer that is read, in bytes: what TCP can carry.
const ANSWER_BYTES_MAX: usize = 65_535;
/// The header of a message.
const HEADER_BYTES: usize = 12;
/// The shortest question, and the shortest record.
const QUESTION_BYTES_MIN: usize = 5;
const RECORD_BYTES_MIN: usize = 11;
/// So many names may stand between the one asked for and the one with records.
const ALIASES_MAX: usize = 8;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    A,
    Aaaa,
    Srv,
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Address(IpAddr),
    /// Where a service is; the address where the answer has it.
    Service {
        target: String,
        tcp_port: u16,
        priority: u16,
        address: Option<IpAddr>,
    },
}

/// The records found, and how long they may be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) records: Vec<Record>,
    /// The shortest time to live among them; `None` without records.
    pub(crate) ttl: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The name cannot be asked for.
    BadName,
    /// The answer belongs to another question: not ours.
    NotOurs,
    /// It is no DNS message, or claims more than it has.
    Malformed,
    /// The answer has no room in a datagram: ask by TCP.
    Truncated,
    /// There is no such name.
    NoSuchName,
    /// The server refuses or fails.
    Server(RCODE),
}

impl Kind {
    fn of(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Srv => TYPE::SRV,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName => f.write_str("the name cannot be asked for; check its labels and length"),
            Self::NotOurs => f.write_str("the answer belongs to another question"),
            Self::Malformed => f.write_str("the answer is no DNS message; find out what listens there"),
            Self::Truncated => f.write_str("the answer has no room in a datagram"),
            Self::NoSuchName => f.write_str(
                "there is no such name (NXDOMAIN); check the spelling, and that a node is ready behind it",
            ),
            Self::Server(code) => write!(f, "the server says {code:?}; look at the server"),
        }
    }
}

/// The bytes of a question.
pub(crate) fn question(id: u16, name: &str, kind: Kind) -> Result<Vec<u8>, Problem> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name.trim_end_matches('.')).map_err(|_error| Problem::BadName)?;
    if name.get_labels().is_empty() {
        return Err(Problem::BadName);
    }
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind.of()), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(|_error| Problem::BadName)
}

/// Reads the answer to a question. Names are compared without regard to case, and aliases (CNAME) are followed.
pub(crate) fn read(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Result<Answer, Problem> {
    check_claims(bytes)?;
    let packet = Packet::parse(bytes).map_err(|_error| Problem::Malformed)?;
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let asked = match packet.questions.as_slice() {
        [one] => one.qtype == QTYPE::TYPE(kind.of()) && text(&one.qname) == name,
        // Servers that could not read the question need not repeat it.
        [] => packet.rcode() != RCODE::NoError,
        _ => false,
    };
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || !asked {
        return Err(Problem::NotOurs);
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Err(Problem::Truncated);
    }
    match packet.rcode() {
        RCODE::NoError => Ok(records(&packet, name, kind)),
        RCODE::NameError => Err(Problem::NoSuchName),
        code => Err(Problem::Server(code)),
    }
}

/// Refuses what claims more questions and records than its bytes can hold, before room is made for them.
fn check_claims(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.len() < HEADER_BYTES || bytes.len() > ANSWER_BYTES_MAX {
        return Err(Problem::Malformed);
    }
    let count = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let records = count(6) + count(8) + count(10);
    let least = HEADER_BYTES + count(4) * QUESTION_BYTES_MIN + records * RECORD_BYTES_MIN;
    if least > bytes.len() { Err(Problem::Malformed) } else { Ok(()) }
}

fn records(packet: &Packet<'_>, name: String, kind: Kind) -> Answer {
    let mut answer = Answer::default();
    let mut owner = name;
    let mut ttl: Option<u32> = None;
    for _ in 0..=ALIASES_MAX {
        let mut alias = None;
        for record in
            packet.answers.iter().filter(|record| record.class == CLASS::IN && text(&record.name) == owner)
        {
            let found = match (&record.rdata, kind) {
                (RData::A(a), Kind::A) => Record::Address(Ipv4Addr::from(a.address).into()),
                (RData::AAAA(a), Kind::Aaaa) => Record::Address(Ipv6Addr::from(a.address).into()),
                (RData::SRV(srv), Kind::Srv) => {
                    let target = text(&srv.target);
                    let address = address_of(packet, &target);
                    Record::Service { target, tcp_port: srv.port, priority: srv.priority, address }
                }
                (RData::CNAME(to), _) => {
                    alias = Some(text(&to.0));
                    ttl = Some(ttl.map_or(record.ttl, |ttl| ttl.min(record.ttl)));
                    continue;
                }
                _ => continue,
            };
            ttl = Some(ttl.map_or(record.ttl, |ttl| ttl.min(record.ttl)));
            answer.records.push(found);
        }
        match alias {
            Some(alias) if answer.records.is_empty() => owner = alias,
            _ => break,
        }
    }
    if !answer.records.is_empty() {
        answer.ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
    }
    answer
}

fn address_of(packet: &Packet<'_>, target: &str) -> Option<IpAddr> {
    packet.additional_records.iter().filter(|record| text(&record.name) == target).find_map(|record| {
        match &record.rdata {
            RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
            RData::AAAA(a) => Some(Ipv6Addr::from(a.address).into()),
            _ => None,
        }
    })
}

fn text(name: &Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{Answer, Kind, Problem, Record, question, read};
    use simple_dns::rdata::{A, CNAME, RData, SRV};
    use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};
    use std::net::Ipv4Addr;
    use std::time::Duration;

    const NAME: &str = "App.internal.";

    fn reply(kind: Kind, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let asked = question(7, NAME, kind).unwrap();
        let mut packet = Packet::parse(&asked).unwrap().into_reply();
        change(&mut packet);
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn record<'a>(name: &'a str, ttl: u32, rdata: RData<'a>) -> ResourceRecord<'a> {
        ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, ttl, rdata)
    }

    fn a(number: u8) -> RData<'static> {
        RData::A(A { address: Ipv4Addr::new(10, 0, 0, number).into() })
    }

    #[test]
    fn addresses_and_their_shortest_time_to_live_are_found() {
        let bytes = reply(Kind::A, |packet| {
            packet.answers.push(record("APP.internal", 30, a(1)));
            packet.answers.push(record("app.internal", 5, a(2)));
            packet.answers.push(record("other.internal", 1, a(3)));
        });
        let addresses = [1, 2].map(|number| Record::Address(Ipv4Addr::new(10, 0, 0, number).into()));
        let expected = Answer { records: addresses.to_vec(), ttl: Some(Duration::from_secs(5)) };
        assert_eq!(read(&bytes, 7, NAME, Kind::A), Ok(expected));
    }

    #[test]
    fn aliases_are_followed_and_loops_of_them_end() {
        let bytes = reply(Kind::A, |packet| {
            packet.answers.push(record(
                "app.internal",
                3,
                RData::CNAME(CNAME(Name::new("b.internal").unwrap())),
            ));
            packet.answers.push(record("b.internal", 30, a(1)));
        });
        let answer = read(&bytes, 7, NAME, Kind::A).unwrap();
        assert_eq!((answer.records.len(), answer.ttl), (1, Some(Duration::from_secs(3))));
        let bytes = reply(Kind::A, |packet| {
            packet.answers.push(record(
                "app.internal",
                3,
                RData::CNAME(CNAME(Name::new("app.internal").unwrap())),
            ));
        });
        assert_eq!(read(&bytes, 7, NAME, Kind::A), Ok(Answer::default()));
    }

    #[test]
    fn services_have_targets_ports_and_addresses() {
        let bytes = reply(Kind::Srv, |packet| {
            let target = Name::new("app-0.app.ns.svc.cluster.local").unwrap();
            let srv = SRV { priority: 10, weight: 50, port: 4_370, target };
            packet.answers.push(record("app.internal", 30, RData::SRV(srv)));
            packet.additional_records.push(record("app-0.app.ns.svc.cluster.local", 30, a(9)));
        });
        let expected = Record::Service {
            target: "app-0.app.ns.svc.cluster.local".to_owned(),
            tcp_port: 4_370,
            priority: 10,
            address: Some(Ipv4Addr::new(10, 0, 0, 9).into()),
        };
        assert_eq!(read(&bytes, 7, NAME, Kind::Srv).unwrap().records, [expected]);
    }

    #[test]
    fn no_name_no_records_and_failures_differ() {
        let none = reply(Kind::A, |_| {});
        assert_eq!(read(&none, 7, NAME, Kind::A), Ok(Answer::default()));
        let no_name = reply(Kind::A, |packet| *packet.rcode_mut() = RCODE::NameError);
        assert_eq!(read(&no_name, 7, NAME, Kind::A), Err(Problem::NoSuchName));
        let failed = reply(Kind::A, |packet| *packet.rcode_mut() = RCODE::ServerFailure);
        assert_eq!(read(&failed, 7, NAME, Kind::A), Err(Problem::Server(RCODE::ServerFailure)));
        let cut = reply(Kind::A, |packet| packet.set_flags(PacketFlag::TRUNCATION));
        assert_eq!(read(&cut, 7, NAME, Kind::A), Err(Problem::Truncated));
    }

    #[test]
    fn answers_to_other_questions_are_not_ours() {
        let bytes = reply(Kind::A, |packet| packet.answers.push(record("app.internal", 30, a(1))));
        assert_eq!(read(&bytes, 8, NAME, Kind::A), Err(Problem::NotOurs));
        assert_eq!(read(&bytes, 7, "b.internal", Kind::A), Err(Problem::NotOurs));
        assert_eq!(read(&bytes, 7, NAME, Kind::Srv), Err(Problem::NotOurs));
        let asked = question(7, NAME, Kind::A).unwrap();
        assert_eq!(read(&asked, 7, NAME, Kind::A), Err(Problem::NotOurs));
    }

    #[test]
    fn a_message_may_claim_as_many_records_as_it_has_bytes_for() {
        let mut bytes = reply(Kind::A, |packet| packet.answers.push(record("app.internal", 30, a(1))));
        assert!(read(&bytes, 7, NAME, Kind::A).is_ok());
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(read(&bytes, 7, NAME, Kind::A), Err(Problem::Malformed));
    }

    #[test]
    fn names_that_cannot_be_asked_for_say_so() {
        for wrong in ["", ".", &"x".repeat(64), &"abc.".repeat(80)] {
            assert_eq!(question(1, wrong, Kind::A), Err(Problem::BadName), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(head in proptest::array::uniform12(0_u8..3), tail: Vec<u8>) {
            let bytes: Vec<u8> = head.into_iter().chain(tail).collect();
            drop(read(&bytes, 0, NAME, Kind::A));
        }
    }
}
