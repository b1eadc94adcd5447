//! Facts about the arguments and the list of targets.

use super::{Request, SECONDS, bin_names, parse};

fn request(line: &str) -> Option<Request> {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    parse(&args).ok()
}

#[test]
fn arguments_in_either_order() {
    let wanted = Some(Request { target: Some("etf".to_owned()), seconds: 5 });
    assert_eq!(request("etf --seconds 5"), wanted);
    assert_eq!(request("--seconds 5 etf"), wanted);
    assert_eq!(request(""), Some(Request { target: None, seconds: SECONDS }));
}

#[test]
fn wrong_arguments_are_refused() {
    assert_eq!(request("etf handshake"), None);
    assert_eq!(request("etf --seconds"), None);
    assert_eq!(request("etf --seconds many"), None);
    assert_eq!(request("--minutes 1"), None);
}

#[test]
fn only_binaries_are_targets() {
    let manifest = "[package]\nname = \"fuzz\"\n\n[[bin]]\nname = \"etf_decode\"\npath = \"x.rs\"\n[lib]\nname = \"l\"\n";
    assert_eq!(bin_names(manifest), ["etf_decode"]);
}
