//! The API of Kubernetes where it may not be watched: lists, by a small HTTPS server.

use crate::api::{Api, PATH, Says, slices};
use crate::peers::{Seeker, node};
use engset::discover::{Change, DiscoveryConfig, KubernetesMode};
use engset_testkit::free_port;
use std::fs;
use std::time::Duration;

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
    assert_eq!(api.lists()[0], PATH);
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
    let rule =
        r#"{apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"]}"#;
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
    let paths = api.lists()[..4].to_vec();
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

/// Pages that are too long in bytes are asked for again, shorter, and those after them are no longer than that.
#[test]
fn pages_that_are_too_long_are_read_in_shorter_ones() {
    let api = Api::start();
    api.says([Says::Pages { slices: 300, bytes: 40_000 }]);
    let config = DiscoveryConfig { dials_max: 1, ..DiscoveryConfig::default() };
    let strategy = api.strategy().request_within(Duration::from_secs(20));
    let seeker = Seeker::with("seeker@127.0.0.1", free_port().unwrap(), strategy, config);
    seeker.wait(|_| seeker.discovering.report().sources[0].answer.starts_with("300 addresses in 10 pages"));
    let shorter = PATH.replace("limit=250", "limit=31");
    let lists = api.lists();
    assert_eq!(lists[..3], [PATH.to_owned(), shorter.clone(), format!("{shorter}&continue=31")]);
    api.says([Says::Pages { slices: 301, bytes: 40_000 }]);
    seeker.wait(|change| matches!(change, Change::Found { name, .. } if &**name == "app@127.3.1.50"));
    assert_eq!(api.lists()[11], shorter, "the next list begins with what has been learnt");
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

/// As many as are held are watched; of more, the first pages are read, and that is told.
#[test]
fn a_list_of_too_many_pods_is_polled_and_that_is_told() {
    let many = |count: usize| -> Vec<String> {
        (0..count).map(|number| format!("127.2.{}.{}", number / 256, number % 256)).collect()
    };
    let half = many(4_096);
    let half: Vec<&str> = half.iter().map(String::as_str).collect();
    let api = Api::start();
    api.refuses([]);
    api.says([slices(&half, "more")]);
    let config = DiscoveryConfig { candidates_max: 10_000, dials_max: 1, ..DiscoveryConfig::default() };
    let strategy = api.strategy().polling_interval(Duration::from_millis(50));
    let seeker = Seeker::with("seeker@127.0.0.1", free_port().unwrap(), strategy, config);
    let told = seeker.wait(|change| matches!(change, Change::Refused(_)));
    assert!(format!("{told:?}").contains("no more is read after 8192 pods"), "{told:?}");
    assert!(seeker.discovering.report().sources[0].answer.ends_with("3 pages, polled"));
    assert_eq!(api.watches(), Vec::<String>::new());
    // The same slice on both pages is one object.
    api.says([slices(&half, "more"), slices(&half, "")]);
    seeker.wait(|_| seeker.discovering.report().sources[0].answer.starts_with("4096 addresses in 2 pages"));
}
