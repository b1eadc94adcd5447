//! Facts about reading `cargo metadata`.

use super::{Package, parse};

const METADATA: &str = r#"{
  "target_directory": "/t",
  "packages": [
    {"name": "engset-etf", "manifest_path": "/r/crates/etf/Cargo.toml", "metadata": null,
     "dependencies": [
       {"name": "engset-term", "kind": null, "path": "/r/crates/term"},
       {"name": "engset-testkit", "kind": "dev", "path": "/r/crates/testkit"},
       {"name": "bytes", "kind": null}],
     "targets": [{"kind": ["lib"], "name": "engset_etf"}]},
    {"name": "examples", "manifest_path": "/r/examples/Cargo.toml",
     "metadata": {"xtask": {"endless": ["server"]}},
     "dependencies": [],
     "targets": [{"kind": ["bin"], "name": "hello"}, {"kind": ["example"], "name": "server"}]}
  ]
}"#;

#[test]
fn packages_targets_and_dependencies_are_read() {
    let workspace = parse(METADATA).expect("it is JSON");
    assert_eq!(workspace.target_dir.to_str(), Some("/t"));
    let etf = Package {
        name: "engset-etf".to_owned(),
        folder: "etf".to_owned(),
        is_crate: true,
        uses: ["term".to_owned()].into(),
        ..Package::default()
    };
    let examples = Package {
        name: "examples".to_owned(),
        folder: "examples".to_owned(),
        bins: vec!["hello".to_owned()],
        examples: vec!["server".to_owned()],
        endless: vec!["server".to_owned()],
        ..Package::default()
    };
    assert_eq!(workspace.packages, [etf, examples]);
}

#[test]
fn what_is_no_json_is_an_error() {
    assert!(parse("error: no").is_err());
}
