//! The stock name server as a program of the test.

use engset_testkit::{EpmdError, EpmdProcess, require_erl};
use std::net::TcpStream;

#[test]
fn it_listens_once_started_and_ends_with_its_value() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().expect("epmd starts");
    let port = epmd.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(epmd);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_second_one_at_the_same_port_is_refused() {
    if require_erl().is_none() {
        return;
    }
    let first = EpmdProcess::start().expect("epmd starts");
    match EpmdProcess::start_at(first.port()) {
        Err(EpmdError::PortTaken { port, output }) => {
            assert_eq!(port, first.port());
            assert!(output.contains("already"), "{output}");
        }
        other => panic!("{other:?}"),
    }
}
