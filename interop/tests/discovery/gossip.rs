//! Gossip with a live Elixir that sends and takes what libcluster's strategy does, by the BEAM's own crypto.

use crate::peers::Seeker;
use engset::discover::{Change, Gossip};
use engset_testkit::{Beam, free_port, require_erl};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(200);
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn free_udp_port() -> u16 {
    UdpSocket::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap().port()
}

fn gossip(own: &str, port: u16) -> Gossip {
    Gossip::new(own).port(port).heartbeat_max(SOON).multicast_if(LOOPBACK)
}

#[test]
fn two_nodes_find_each_other_by_multicast() {
    let (epmd, udp) = (free_port().unwrap(), free_udp_port());
    let a = Seeker::new("a@127.0.0.1", epmd, gossip("a@127.0.0.1", udp).secret("shop"));
    let b = Seeker::new("b@127.0.0.1", epmd, gossip("b@127.0.0.1", udp).secret("shop"));
    a.connected("b@127.0.0.1");
    b.connected("a@127.0.0.1");
}

/// The BEAM joins the group as libcluster does, and sends heartbeats made by `term_to_binary` and `crypto`.
fn beam_in_group(epmd: u16, udp: u16, secret: Option<&str>) -> Beam {
    let beam = crate::stage::start_beam("beam", epmd);
    beam.eval(&format!(
        "{{ok, S}} = gen_udp:open({udp}, [binary, {{active, false}}, {{reuseaddr, true}}, {{broadcast, true}}, \
         {{multicast_ttl, 1}}, {{multicast_loop, true}}, {{multicast_if, {{127,0,0,1}}}}, \
         {{add_membership, {{{{233,252,1,32}}, {{127,0,0,1}}}}}}, {{raw, 1, 15, <<1:32/native>>}}]), ok."
    ))
    .unwrap();
    let packet = match secret {
        None => "Packet = [<<\"heartbeat::\">>, term_to_binary(#{node => node()})], ok.".to_owned(),
        Some(secret) => format!(
            "Key = crypto:hash(sha256, <<\"{secret}\">>), Iv = crypto:strong_rand_bytes(16), \
             Plain = <<\"heartbeat::\", (term_to_binary(#{{node => node()}}))/binary>>, \
             Pad = 16 - byte_size(Plain) rem 16, \
             Packet = [Iv, crypto:crypto_one_time(aes_256_cbc, Key, Iv, \
             <<Plain/binary, (binary:copy(<<Pad>>, Pad))/binary>>, true)], ok."
        ),
    };
    beam.eval(&packet).unwrap();
    beam
}

fn send(beam: &Beam, udp: u16) {
    assert_eq!(beam.eval(&format!("gen_udp:send(S, {{233,252,1,32}}, {udp}, Packet).")).unwrap(), "ok");
}

#[test]
fn a_beam_is_heard_and_hears_us_with_and_without_a_secret() {
    if require_erl().is_none() {
        return;
    }
    for secret in [None, Some("somepassword")] {
        let (epmd, udp) = (free_port().unwrap(), free_udp_port());
        let strategy = gossip("seeker@127.0.0.1", udp);
        let strategy = match secret {
            Some(secret) => strategy.secret(secret),
            None => strategy,
        };
        let seeker = Seeker::new("seeker@127.0.0.1", epmd, strategy);
        let beam = beam_in_group(epmd, udp, secret);
        send(&beam, udp);
        seeker.connected("beam@127.0.0.1");
        // Its own packet comes back to it as well.
        let plain = match secret {
            None => "Plain0 = P".to_owned(),
            Some(_) => "<<Iv0:16/binary, C/binary>> = P, \
                 Padded = crypto:crypto_one_time(aes_256_cbc, Key, Iv0, C, false), \
                 Plain0 = binary:part(Padded, 0, byte_size(Padded) - binary:last(Padded))"
                .to_owned(),
        };
        let heard = beam.eval(&format!(
            "Hear = fun Hear() -> {{ok, {{_, _, P}}}} = gen_udp:recv(S, 0, 10000), {plain}, \
             <<\"heartbeat::\", T/binary>> = Plain0, \
             case binary_to_term(T) of #{{node := N}} when N =/= node() -> N; _ -> Hear() end end, Hear()."
        ));
        assert_eq!(heard.unwrap(), "'seeker@127.0.0.1'");
    }
}

#[test]
fn another_secret_is_refused_and_told_of() {
    if require_erl().is_none() {
        return;
    }
    let (epmd, udp) = (free_port().unwrap(), free_udp_port());
    let seeker = Seeker::new("seeker@127.0.0.1", epmd, gossip("seeker@127.0.0.1", udp).secret("ours"));
    let beam = beam_in_group(epmd, udp, Some("theirs"));
    seeker.wait_started();
    send(&beam, udp);
    let change = seeker.wait(|change| matches!(change, Change::Refused(_)));
    assert!(format!("{change:?}").contains("give all nodes the same secret"), "{change:?}");
    assert!(seeker.discovering.report().known.is_empty());
}
