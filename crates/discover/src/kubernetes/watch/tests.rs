//! The watch without sockets: each event, each end, and what is asked for after it.

use super::*;
use crate::kubernetes::KubernetesMode;

const POLLING: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);

fn at(millis: u64) -> Instant {
    Instant::ZERO.saturating_add(Duration::from_millis(millis))
}

fn naming() -> Naming {
    let (basename, domain) = ("app".to_owned(), "cluster.local".to_owned());
    Naming { basename, mode: KubernetesMode::Ip, service: None, domain }
}

fn object(name: &str, addresses: &[&str]) -> (Key, Object) {
    let candidate = |ip: &&str| Candidate::named(format!("app@{ip}"), "a test");
    let candidates = addresses.iter().map(candidate).collect();
    (("shop".to_owned(), name.to_owned()), Object { candidates, refused: Vec::new() })
}

fn event(kind: &str, name: &str, addresses: &[&str], version: u32) -> String {
    let addresses: Vec<String> = addresses.iter().map(|ip| format!(r#"{{"addresses":["{ip}"]}}"#)).collect();
    let metadata = format!(r#"{{"name":"{name}","namespace":"shop","resourceVersion":"{version}"}}"#);
    let endpoints = addresses.join(",");
    format!("{{\"type\":\"{kind}\",\"object\":{{\"metadata\":{metadata},\"endpoints\":[{endpoints}]}}}}\n")
}

/// A list of one object was read at version 1.
fn listed() -> Watch {
    let mut watch = Watch::new(7);
    assert_eq!(watch.poll_step(), (Step::List, Instant::ZERO));
    let objects = vec![object("a", &["10.0.0.1"])];
    watch.handle_listed(at(0), Listed { objects, version: "1".to_owned(), cut: None }, POLLING);
    watch
}

fn opened(now: Instant) -> Watch {
    let mut watch = listed();
    watch.handle_open(now, PATIENCE);
    watch
}

impl Watch {
    fn piece(&mut self, now: Instant, piece: &str) -> bool {
        self.handle_piece(now, piece.as_bytes(), KubernetesObjects::EndpointSlices, &naming())
    }

    fn names(&self) -> Vec<String> {
        self.found().0.into_iter().map(|candidate| candidate.name).collect()
    }

    fn troubles(&self) -> Vec<String> {
        self.found().1.into_iter().map(|left_out| left_out.why).collect()
    }

    /// The wait to the next step, which is a list.
    #[track_caller]
    fn lists_after(&self, now: Instant) -> Duration {
        let (step, due) = self.poll_step();
        assert_eq!(step, Step::List);
        due.saturating_duration_since(now)
    }

    /// From which version it is watched next, and after which wait.
    #[track_caller]
    fn opens_after(&self, now: Instant) -> (String, Duration) {
        let (Step::Open { version, .. }, due) = self.poll_step() else { panic!("{:?}", self.poll_step()) };
        (version, due.saturating_duration_since(now))
    }
}

#[test]
fn a_list_is_followed_by_a_watch_from_its_version() {
    let mut watch = listed();
    let (Step::Open { version, lasts }, due) = watch.poll_step() else { panic!() };
    assert_eq!((version.as_str(), due), ("1", at(0)));
    assert!((Duration::from_secs(45)..=WATCH_LASTS).contains(&lasts));
    assert_eq!(watch.how(), "a watch follows");
    watch.handle_open(at(5), PATIENCE);
    assert_eq!(watch.poll_step(), (Step::Read, at(5).saturating_add(lasts).saturating_add(PATIENCE)));
    assert_eq!(watch.how(), "watched");
}

#[test]
fn events_change_what_is_known() {
    let mut watch = opened(at(0));
    assert!(watch.piece(at(1), &event("ADDED", "b", &["10.0.0.2", "10.0.0.3"], 2)));
    assert_eq!(watch.names(), ["app@10.0.0.1", "app@10.0.0.2", "app@10.0.0.3"]);
    assert!(watch.piece(at(2), &event("MODIFIED", "b", &["10.0.0.3"], 3)));
    assert_eq!(watch.names(), ["app@10.0.0.1", "app@10.0.0.3"]);
    assert!(!watch.piece(at(3), &event("MODIFIED", "b", &["10.0.0.3"], 4)), "nothing of ours changed");
    assert!(watch.piece(at(4), &event("DELETED", "a", &["10.0.0.1"], 5)));
    assert!(!watch.piece(at(5), &event("DELETED", "nobody", &[], 6)));
    assert_eq!(watch.names(), ["app@10.0.0.3"]);
    assert!(!watch.piece(at(6), &event("BOOKMARK", "", &[], 70)));
    watch.handle_end(at(7), End::Closed);
    let (version, wait) = watch.opens_after(at(7));
    assert_eq!(version, "70");
    assert!(wait <= BACKOFF.first && wait >= BACKOFF.first / 2, "{wait:?}");
}

#[test]
fn lines_come_in_pieces_and_several_in_one() {
    let mut watch = opened(at(0));
    let both = event("ADDED", "b", &["10.0.0.2"], 2) + "\n" + &event("ADDED", "c", &["10.0.0.3"], 3);
    let (begin, end) = both.split_at(40);
    assert!(!watch.piece(at(1), begin));
    // What has begun must end in time.
    assert_eq!(watch.poll_step(), (Step::Read, at(1).saturating_add(PATIENCE)));
    assert!(!watch.piece(at(2), ""));
    assert_eq!(watch.poll_step(), (Step::Read, at(1).saturating_add(PATIENCE)));
    assert!(watch.piece(at(3), end));
    assert_eq!(watch.names(), ["app@10.0.0.1", "app@10.0.0.2", "app@10.0.0.3"]);
    assert!(watch.poll_step().1 > at(40_000));
}

#[test]
fn an_end_in_the_middle_of_a_line_goes_on_from_the_last_version() {
    let mut watch = opened(at(0));
    let line = event("ADDED", "b", &["10.0.0.2"], 2);
    watch.piece(at(1), &(line.clone() + &line[..30]));
    watch.handle_end(at(2), End::Closed);
    assert_eq!(watch.opens_after(at(2)).0, "2");
    watch.handle_open(at(3), PATIENCE);
    assert!(watch.piece(at(3), &event("ADDED", "c", &["10.0.0.3"], 3)), "nothing is left of the half line");
    assert_eq!(watch.troubles(), Vec::<String>::new());
}

#[test]
fn an_expired_version_is_followed_by_a_list_and_what_was_found_stays_meanwhile() {
    let gone =
        r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#.to_owned() + "\n";
    let mut watch = opened(at(0));
    watch.piece(at(1), &gone);
    assert!(watch.lists_after(at(1)) <= BACKOFF.first);
    assert_eq!(watch.names(), ["app@10.0.0.1"]);
    assert_eq!(watch.troubles(), Vec::<String>::new(), "that is nobody's fault");
    let objects = vec![object("b", &["10.0.0.2"])];
    watch.handle_listed(at(500), Listed { objects, version: "9".to_owned(), cut: None }, POLLING);
    assert_eq!(watch.names(), ["app@10.0.0.2"]);
    // The same by the status of the answer; who does nothing else is asked ever less.
    let refused = watch.handle_refused(at(600), 410, "gone".to_owned(), POLLING);
    assert_eq!(refused, Ok(()));
    assert!(watch.lists_after(at(600)) >= BACKOFF.shortest(1));
}

#[test]
fn garbage_and_errors_are_told_and_followed_by_lists_ever_less_often() {
    let error = "{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"etcd is away\"}}\n";
    for (line, told) in [("<html>\n", "is no event"), (error, "(500): etcd is away")] {
        let mut watch = opened(at(0));
        for failures in 0..20 {
            let good = event("ADDED", "b", &["10.0.0.2"], 2);
            watch.piece(at(1), &(good + line));
            let wait = watch.lists_after(at(1));
            assert!(wait >= BACKOFF.shortest(failures) && wait <= BACKOFF.longest(failures), "{wait:?}");
            assert!(watch.troubles()[0].contains(told), "{:?}", watch.troubles());
            assert_eq!(watch.names(), ["app@10.0.0.1", "app@10.0.0.2"]);
            let objects = vec![object("a", &["10.0.0.1"])];
            watch.handle_listed(at(1), Listed { objects, version: "1".to_owned(), cut: None }, POLLING);
            watch.handle_open(at(1), PATIENCE);
        }
        // A watch that lasts makes up for it, which is told.
        assert!(watch.piece(at(11_000), &event("BOOKMARK", "", &[], 5)));
        assert_eq!((watch.troubles(), watch.failures), (Vec::new(), 0));
    }
}

#[test]
fn an_endless_line_ends_the_watch() {
    let mut watch = opened(at(0));
    let piece = "x".repeat(1 << 20);
    for _ in 0..LINE_BYTES_MAX >> 20 {
        assert!(!watch.piece(at(1), &piece));
        assert_eq!(watch.poll_step().0, Step::Read);
    }
    watch.piece(at(1), "x");
    watch.lists_after(at(1));
    assert!(watch.troubles()[0].contains("has more than 4194304 bytes"), "{:?}", watch.troubles());
}

#[test]
fn a_watch_that_is_forbidden_is_polled_and_tried_again_later() {
    for status in [403, 405] {
        let mut watch = listed();
        assert_eq!(watch.handle_refused(at(0), status, "no".to_owned(), POLLING), Ok(()));
        let mut now = at(0);
        let mut lists = 0;
        while watch.poll_step().0 == Step::List {
            assert_eq!(watch.lists_after(now), POLLING);
            now = now.saturating_add(POLLING);
            let objects = vec![object("a", &["10.0.0.1"])];
            watch.handle_listed(now, Listed { objects, version: "1".to_owned(), cut: None }, POLLING);
            lists += 1;
            assert_eq!(watch.troubles(), ["no; the list is asked for every 5s meanwhile"]);
        }
        assert_eq!(lists, 60, "five minutes");
        assert!(watch.handle_open(now, PATIENCE), "that it is allowed now is told");
        assert_eq!(watch.troubles(), Vec::<String>::new());
    }
}

#[test]
fn a_token_that_is_refused_is_an_error_and_other_statuses_are_told() {
    let mut watch = listed();
    assert_eq!(watch.handle_refused(at(1), 401, "expired".to_owned(), POLLING), Err("expired".to_owned()));
    assert_eq!(watch.lists_after(at(1)), Duration::ZERO, "whoever was told waits");
    let mut watch = listed();
    assert_eq!(watch.handle_refused(at(1), 503, "busy".to_owned(), POLLING), Ok(()));
    assert!(watch.lists_after(at(1)) <= BACKOFF.first);
    assert_eq!(watch.troubles(), ["busy"]);
}

#[test]
fn trouble_that_a_quiet_watch_has_outlasted_is_told_to_be_over() {
    let mut watch = listed();
    assert_eq!(watch.handle_refused(at(1), 503, "busy".to_owned(), POLLING), Ok(()));
    let objects = vec![object("a", &["10.0.0.1"])];
    watch.handle_listed(at(500), Listed { objects, version: "1".to_owned(), cut: None }, POLLING);
    assert!(!watch.handle_open(at(500), PATIENCE), "whether it lasts is not known yet");
    assert_eq!(watch.troubles(), ["busy"]);
    assert!(watch.handle_end(at(50_000), End::Closed));
    assert_eq!(watch.troubles(), Vec::<String>::new());
    watch.handle_open(at(50_000), PATIENCE);
    assert!(!watch.handle_end(at(99_000), End::Closed), "it is told once");
}

#[test]
fn watches_without_a_word_are_opened_ever_less_often_and_then_listed() {
    let mut watch = opened(at(0));
    for failures in 0..WORDLESS_MAX - 1 {
        watch.handle_end(at(0), End::Broken("reset".to_owned()));
        let (version, wait) = watch.opens_after(at(0));
        assert_eq!(version, "1");
        assert!(wait >= BACKOFF.shortest(failures) && wait <= BACKOFF.longest(failures));
        watch.handle_open(at(0), PATIENCE);
    }
    watch.handle_end(at(0), End::Broken("reset".to_owned()));
    watch.lists_after(at(0));
    assert!(watch.troubles()[0].ends_with("before it says anything: reset"), "{:?}", watch.troubles());
    // A quiet one that lasts its time is no failure.
    let mut watch = opened(at(0));
    for _ in 0..9 {
        watch.handle_end(at(50_000), End::Closed);
        assert!(watch.opens_after(at(50_000)).1 <= BACKOFF.first);
        watch.handle_open(at(0), PATIENCE);
    }
    // One that does not end is.
    watch.handle_end(at(70_000), End::Overdue);
    watch.lists_after(at(70_000));
    assert!(watch.troubles()[0].contains("neither goes on nor ends"), "{:?}", watch.troubles());
}

#[test]
fn a_server_that_closes_after_each_event_is_asked_again_soon() {
    let mut watch = opened(at(0));
    for version in 2..30 {
        watch.piece(at(0), &event("MODIFIED", "a", &[], version));
        watch.handle_end(at(0), End::Closed);
        let (from, wait) = watch.opens_after(at(0));
        assert_eq!(from, version.to_string());
        assert!(wait <= BACKOFF.first, "{wait:?}");
        watch.handle_open(at(0), PATIENCE);
    }
}

#[test]
fn what_is_too_much_to_hold_is_polled() {
    let many = |count: usize| {
        let objects = (0..count).map(|number| object(&format!("o{number}"), &[])).collect();
        Listed { objects, version: "1".to_owned(), cut: None }
    };
    let mut watch = Watch::new(1);
    watch.handle_listed(at(0), many(OBJECTS_MAX + 1), POLLING);
    assert_eq!(watch.lists_after(at(0)), POLLING);
    assert!(watch.troubles()[0].contains("polled, not watched"));
    watch.handle_listed(at(0), many(OBJECTS_MAX), POLLING);
    watch.handle_open(at(0), PATIENCE);
    assert_eq!(watch.troubles(), Vec::<String>::new());
    watch.piece(at(0), &event("MODIFIED", "o1", &[], 2));
    assert_eq!(watch.poll_step().0, Step::Read);
    watch.piece(at(0), &event("ADDED", "one-more", &[], 3));
    watch.lists_after(at(0));

    let full = vec!["10.0.0.1"; PLACES_MAX];
    let mut watch = opened(at(0));
    watch.piece(at(0), &event("MODIFIED", "a", &full, 2));
    assert_eq!(watch.poll_step().0, Step::Read, "the limit itself is held");
    watch.piece(at(0), &event("ADDED", "b", &["10.0.0.2"], 3));
    watch.lists_after(at(0));
}

#[test]
fn a_list_that_was_cut_or_has_no_version_is_polled() {
    let cut = Some(LeftOut::new("the rest", "too long"));
    for (version, cut) in [("", None), ("1", cut)] {
        let mut watch = Watch::new(1);
        watch.handle_listed(at(0), Listed { objects: Vec::new(), version: version.to_owned(), cut }, POLLING);
        assert_eq!((watch.lists_after(at(0)), watch.troubles().len()), (POLLING, 1));
        assert_eq!(watch.how(), "polled");
    }
}

proptest::proptest! {
    /// Whatever the server writes, in whatever pieces: no panic, and there is always a next step.
    #[test]
    fn no_bytes_panic(pieces: Vec<Vec<u8>>) {
        let mut watch = opened(at(0));
        for (millis, piece) in (0..).zip(&pieces) {
            watch.handle_piece(at(millis), piece, KubernetesObjects::Pods, &naming());
        }
        watch.handle_end(at(99), End::Closed);
        proptest::prop_assert!(watch.poll_step().0 != Step::Read);
    }
}
