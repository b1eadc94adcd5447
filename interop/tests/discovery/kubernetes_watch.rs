//! The API of Kubernetes watched over HTTPS: pods that come and go, and servers that do what they should not.

use crate::api::{Api, Part, Says, event, slices};
use crate::peers::{Seeker, node};
use crate::stage::start_beam;
use engset::discover::{Change, DiscoveryConfig};
use engset_testkit::{free_port, require_erl};
use std::fs;
use std::time::Duration;

/// So long that whatever is seen is seen by the watch.
const NEVER: Duration = Duration::from_secs(3_600);

/// Whether the Erlang node sees nobody, as soon as it does.
const ALONE: &str = "(fun Alone(0) -> false; Alone(Left) -> case nodes(hidden) of [] -> true; \
                     _ -> receive after 10 -> Alone(Left - 1) end end end)(500).";

/// An API that may be watched, whose list has these pods.
fn watched(addresses: &[&str]) -> Api {
    let api = Api::start();
    api.refuses([]);
    api.says([slices(addresses, "")]);
    api
}

fn seeker(api: &Api) -> Seeker {
    Seeker::new("seeker@127.0.0.1", free_port().unwrap(), api.strategy().polling_interval(NEVER))
}

impl Seeker {
    fn now(&self) -> engset_term::Instant {
        self.node.processes().scheduler().now()
    }

    #[track_caller]
    fn found(&self, address: &str) {
        self.wait(
            |change| matches!(change, Change::Found { name, .. } if **name == format!("app@{address}")),
        );
    }

    #[track_caller]
    fn gone(&self, address: &str) {
        self.wait(|change| matches!(change, Change::Gone { name } if **name == format!("app@{address}")));
    }

    /// Waits until it is said what is wrong with the watch.
    #[track_caller]
    fn troubled(&self, wrong: &str) {
        self.wait(|change| {
            matches!(change, Change::Refused(refused) if &*refused.what == "the watch" && refused.why.contains(wrong))
        });
    }
}

#[test]
fn an_erlang_node_is_connected_within_a_second_of_its_event_and_let_go_when_its_pod_is() {
    if require_erl().is_none() {
        return;
    }
    let api = watched(&[]);
    let port = free_port().unwrap();
    let config = DiscoveryConfig { disconnect_gone: true, ..DiscoveryConfig::default() };
    let strategy = api.strategy().polling_interval(NEVER);
    let seeker = Seeker::with("seeker@127.0.0.1", port, strategy, config);
    seeker.wait_started();
    let erlang = start_beam("app", port);
    let mut fastest = Duration::MAX;
    for turn in 0..3 {
        let begun = seeker.now();
        api.event("ADDED", "svc-new", &["127.0.0.1"], 10 + 2 * turn);
        seeker.connected("app@127.0.0.1");
        fastest = fastest.min(seeker.now().saturating_duration_since(begun));
        api.event("DELETED", "svc-new", &["127.0.0.1"], 11 + 2 * turn);
        seeker.gone("127.0.0.1");
        assert_eq!(erlang.eval(ALONE).unwrap(), "true");
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    assert_eq!((api.lists().len(), api.watches()), (1, vec!["1".to_owned()]));
    let report = seeker.discovering.report();
    assert!(report.sources[0].answer.ends_with("watched"), "{report:?}");
}

#[test]
fn a_pod_that_ends_is_found_no_more_and_stays_connected() {
    let api = watched(&["127.0.0.1", "127.0.1.2"]);
    let port = free_port().unwrap();
    let _app = node("app@127.0.0.1", port);
    let seeker = Seeker::new("seeker@127.0.0.1", port, api.strategy().polling_interval(NEVER));
    seeker.connected("app@127.0.0.1");
    let line = event("MODIFIED", "svc-abc", &["127.0.0.1"], 2);
    api.part(Part::Bytes(line.replace(r#""terminating":false"#, r#""terminating":true"#)));
    seeker.gone("127.0.0.1");
    assert_eq!(seeker.node.node().connected().len(), 1, "nobody was told to disconnect");
}

#[test]
fn many_events_at_once_are_told_at_once() {
    let api = watched(&[]);
    let seeker = seeker(&api);
    seeker.wait_started();
    let begun = seeker.now();
    for number in 0..200 {
        api.event("ADDED", &format!("svc-{number}"), &[&format!("127.1.0.{number}")], 2 + number);
    }
    seeker.found("127.1.0.199");
    let took = seeker.now().saturating_duration_since(begun);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(seeker.discovering.report().known.len(), 200);
}

#[test]
fn a_watch_that_ends_goes_on_from_its_last_version() {
    let api = watched(&[]);
    let seeker = seeker(&api);
    // One event for each connection.
    for version in 2..5 {
        api.event("ADDED", &format!("svc-{version}"), &[&format!("127.1.0.{version}")], version);
        api.part(Part::Close);
        seeker.found(&format!("127.1.0.{version}"));
    }
    // A bookmark, and a line of which half is lost with its connection.
    let line = event("ADDED", "svc-7", &["127.1.0.7"], 7);
    api.event("BOOKMARK", "", &[], 6);
    api.part(Part::Bytes(line[..line.len() / 2].to_owned()));
    api.part(Part::Cut);
    // The next has the line in two pieces.
    api.part(Part::Bytes(line[..line.len() / 3].to_owned()));
    api.part(Part::Bytes(line[line.len() / 3..].to_owned()));
    seeker.found("127.1.0.7");
    assert_eq!(
        (api.lists().len(), api.watches()),
        (1, ["1", "2", "3", "4", "6"].map(str::to_owned).to_vec())
    );
}

#[test]
fn an_expired_version_leads_to_a_list() {
    let api = watched(&["127.1.0.1"]);
    let seeker = seeker(&api);
    seeker.found("127.1.0.1");
    api.says([slices(&["127.1.0.2"], "")]);
    let gone = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (9)","reason":"Expired","code":410}}"#;
    api.part(Part::Bytes(format!("{gone}\n")));
    api.part(Part::Close);
    seeker.found("127.1.0.2");
    // And as the status of the answer.
    api.says([slices(&["127.1.0.3"], "")]);
    api.refuses([410]);
    api.part(Part::Close);
    seeker.found("127.1.0.3");
    assert_eq!(seeker.discovering.report().refused, []);
    api.event("ADDED", "svc-new", &["127.1.0.4"], 2);
    seeker.found("127.1.0.4");
}

#[test]
fn garbage_and_an_endless_line_are_told_and_a_list_is_read() {
    let api = watched(&["127.1.0.1"]);
    let seeker = seeker(&api);
    seeker.found("127.1.0.1");
    api.part(Part::Bytes("<html>busy</html>\n".to_owned()));
    api.part(Part::Close);
    seeker.troubled("a line of the watch is no event");
    for _ in 0..5 {
        api.part(Part::Bytes("x".repeat(1 << 20)));
    }
    api.part(Part::Close);
    seeker.troubled("a line of the watch has more than 4194304 bytes");
    assert_eq!(seeker.discovering.report().known.len(), 1, "nobody is lost");
    api.event("ADDED", "svc-new", &["127.1.0.2"], 2);
    seeker.found("127.1.0.2");
}

#[test]
fn a_line_that_does_not_go_on_ends_the_watch() {
    let api = watched(&["127.1.0.1"]);
    let strategy = api.strategy().polling_interval(NEVER).request_within(Duration::from_millis(500));
    let seeker = Seeker::new("seeker@127.0.0.1", free_port().unwrap(), strategy);
    seeker.found("127.1.0.1");
    api.part(Part::Bytes("{\"type\":".to_owned()));
    seeker.troubled("neither goes on nor ends in time");
    api.part(Part::Cut);
    api.event("ADDED", "svc-new", &["127.1.0.2"], 2);
    seeker.found("127.1.0.2");
}

#[test]
fn an_expired_token_is_an_error_until_there_is_a_new_one() {
    let api = watched(&["127.1.0.1"]);
    let seeker = seeker(&api);
    seeker.found("127.1.0.1");
    api.event("ADDED", "svc-new", &["127.1.0.2"], 2);
    seeker.found("127.1.0.2");
    // An open watch outlives its token.
    api.token("renewed");
    api.event("DELETED", "svc-new", &[], 3);
    seeker.gone("127.1.0.2");
    api.part(Part::Close);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    let text = format!("{change:?}");
    assert!(text.contains("refuses the token (401)") && !text.contains("first"), "{text}");
    assert_eq!(seeker.discovering.report().known.len(), 1, "nobody is lost");
    fs::write(api.account.join("token"), "renewed\n").unwrap();
    seeker.wait(|change| matches!(change, Change::SourceBack { .. }));
    api.event("ADDED", "svc-newer", &["127.1.0.3"], 4);
    seeker.found("127.1.0.3");
}

#[test]
fn where_the_watch_is_forbidden_the_list_is_polled_and_that_is_said_once() {
    for (status, wrong) in [
        (403, r#"may not watch endpointslices in shop: give it a Role"#),
        (405, "lets nobody watch here (405): no watch"),
    ] {
        let api = watched(&["127.1.0.1"]);
        api.refuses([status]);
        let seeker = Seeker::new("seeker@127.0.0.1", free_port().unwrap(), api.strategy());
        seeker.troubled(wrong);
        for address in ["127.1.0.2", "127.1.0.3", "127.1.0.4"] {
            api.says([slices(&[address], "")]);
            seeker.wait(|change| match change {
                Change::Found { name, .. } => **name == format!("app@{address}"),
                Change::Refused(_) | Change::SourceFailed { .. } => panic!("said again: {change:?}"),
                _ => false,
            });
        }
        assert_eq!(api.watches().len(), 1);
        let report = seeker.discovering.report();
        assert!(report.sources[0].answer.ends_with("polled"), "{report:?}");
    }
}

#[test]
fn an_api_that_goes_away_is_told_and_watched_again_when_it_is_back() {
    let api = watched(&["127.1.0.1"]);
    let seeker = seeker(&api);
    seeker.found("127.1.0.1");
    // The watch ends, and then nothing answers.
    api.refuses([500]);
    api.says([Says::Status(500, r#"{"kind":"Status","message":"etcdserver: leader changed"}"#)]);
    api.part(Part::Cut);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains("the API says 500: etcdserver: leader changed"), "{change:?}");
    assert_eq!(seeker.discovering.report().known.len(), 1, "nobody is lost");
    api.refuses([]);
    api.says([slices(&["127.1.0.2"], "")]);
    seeker.found("127.1.0.2");
    api.event("ADDED", "svc-new", &["127.1.0.3"], 2);
    seeker.found("127.1.0.3");
}
