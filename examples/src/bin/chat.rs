//! A chat room over three nodes: typed messages, monitors, and a node that goes down.
//!
//! The nodes live in one program here, but talk over TCP as they would on three machines.
//!
//! `cargo run -p examples --bin chat`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use engset::StartNodeError;
use engset::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const ROOM: Atom = Atom::from_static("room");
/// How long a member waits for news before something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// What members are told. Whatever has serde can travel: this is `{said, Name, Text}` to an Erlang node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum News {
    Joined(String),
    Said(String, String),
    Left(String),
}

/// Why somebody was not let in. A call may answer with an error of its own.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum NotLetIn {
    NameTaken,
}

impl fmt::Display for NotLetIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken => f.write_str("somebody in the room has that name"),
        }
    }
}

impl Error for NotLetIn {}

/// The room: whoever is in it, by the monitor that watches them.
#[derive(Default)]
struct Room {
    members: BTreeMap<Reference, (String, MemberRef)>,
}

#[server]
impl Room {
    /// Lets a member in; answers who is in the room then.
    #[call]
    fn join(
        &mut self,
        name: String,
        member: MemberRef,
        cx: &mut Cx<RoomMsg>,
    ) -> Result<Vec<String>, NotLetIn> {
        if self.members.values().any(|(taken, _)| *taken == name) {
            return Err(NotLetIn::NameTaken);
        }
        // Exactly one `Down` will come: when the member ends, or when its node is lost.
        let monitor = cx.monitor(member.pid());
        self.members.insert(monitor, (name.clone(), member));
        self.tell_all(&News::Joined(name));
        let mut present: Vec<String> = self.members.values().map(|(name, _)| name.clone()).collect();
        present.sort();
        Ok(present)
    }

    /// Tells everybody what somebody says.
    #[cast]
    fn say(&mut self, name: String, text: String) {
        self.tell_all(&News::Said(name, text));
    }

    /// Takes what is no request: here the ends of members.
    #[info]
    fn info(&mut self, info: Info) {
        let Info::Down(down) = info else { return };
        let Some((name, _)) = self.members.remove(&down.reference) else { return };
        self.tell_all(&News::Left(name));
    }

    /// An ordinary method: without a mark it is no request.
    fn tell_all(&self, news: &News) {
        for (_, member) in self.members.values() {
            // Whoever is gone needs no news; the monitor will tell.
            drop(member.hear(news.clone()));
        }
    }
}

/// Somebody in the room; puts what it hears on a screen.
struct Member {
    screen: Sender<News>,
}

#[server]
impl Member {
    /// Takes news.
    #[cast]
    fn hear(&mut self, news: News) -> Result<(), Exit> {
        // Nobody looks at the screen any more: then the member may go as well.
        self.screen.send(news)?;
        Ok(())
    }
}

fn main() -> Result<(), Exit> {
    let epmd_tcp_port = free_tcp_port()?;
    let n1 = start_node("n1@127.0.0.1", epmd_tcp_port)?;
    let n2 = start_node("n2@127.0.0.1", epmd_tcp_port)?;
    let n3 = start_node("n3@127.0.0.1", epmd_tcp_port)?;
    let room = Child::named_server(ROOM, Room::default);
    n1.block_on(|_cx| Supervisor::one_for_one().child(room).start())??;

    let ada = Person::enter(&n1, "ada")?;
    let bob = Person::enter(&n2, "bob")?;
    let cy = Person::enter(&n3, "cy")?;
    ada.hears(&[joined("ada"), joined("bob"), joined("cy")])?;
    bob.hears(&[joined("bob"), joined("cy")])?;
    cy.hears(&[joined("cy")])?;

    // An error of the room itself crosses the nodes as what it is.
    match Person::enter(&n3, "bob") {
        Err(CallError::App(NotLetIn::NameTaken)) => println!("n3: another bob is not let in"),
        other => panic!("there are two bobs: {:?}", other.err()),
    }

    // Between two processes order is kept, so everybody hears this after the rest, and the two lines in their order.
    cy.say(&n3, "is anybody here?")?;
    cy.say(&n3, "my battery is low")?;
    for person in [&ada, &bob, &cy] {
        person.hears(&[said("cy", "is anybody here?"), said("cy", "my battery is low")])?;
    }

    println!("n3 goes down");
    n3.stop();
    for person in [&ada, &bob] {
        person.hears(&[News::Left("cy".to_owned())])?;
    }
    bob.say(&n2, "told you, ada")?;
    for person in [&ada, &bob] {
        person.hears(&[said("bob", "told you, ada")])?;
    }
    println!("that was the chat");
    Ok(())
}

/// A node that reaches the others, and is reached. The first of them is an EPMD too, where there is none at the port.
fn start_node(name: &str, epmd_tcp_port: u16) -> Result<Node, StartNodeError> {
    Node::builder().name(name).cookie("chat").epmd_tcp_port(epmd_tcp_port).workers(1).start()
}

/// Somebody who chats.
struct Person {
    name: &'static str,
    screen: Receiver<News>,
}

impl Person {
    /// Starts a member on `node` and lets it join the room.
    fn enter(node: &Node, name: &'static str) -> Result<Self, CallError<NotLetIn>> {
        let (sender, screen) = channel();
        let present = node.block_on(move |_cx| async move {
            let member = start(Member { screen: sender }).await.expect("there is room for one more process");
            room().join(name.to_owned(), member).await
        });
        let present = present.expect("entering does not crash")?;
        println!("{name} enters, in the room are {}", present.join(", "));
        Ok(Self { name, screen })
    }

    /// Says something, from a process on `node`.
    fn say(&self, node: &Node, text: &'static str) -> Result<(), Exit> {
        let name = self.name.to_owned();
        node.block_on(move |_cx| async move { room().say(name, text.to_owned()) })??;
        Ok(())
    }

    /// Waits for the next news, which should be these.
    fn hears(&self, expected: &[News]) -> Result<(), Exit> {
        for expected in expected {
            let news = self.screen.recv_timeout(PATIENCE)?;
            match &news {
                News::Joined(name) => println!("    {:>4} hears that {name} has joined", self.name),
                News::Said(name, text) => println!("    {:>4} hears {name}: {text}", self.name),
                News::Left(name) => println!("    {:>4} hears that {name} has left", self.name),
            }
            assert_eq!(news, *expected, "{} heard something else", self.name);
        }
        Ok(())
    }
}

/// The room, seen from any node.
fn room() -> RoomRef<Service<RoomMsg>> {
    let node = NodeName::new("n1@127.0.0.1").expect("this is how names of nodes look");
    RoomRef::at(ROOM, node)
}

fn joined(name: &str) -> News {
    News::Joined(name.to_owned())
}

fn said(name: &str, text: &str) -> News {
    News::Said(name.to_owned(), text.to_owned())
}

/// A port for an EPMD of our own, so that the example disturbs no other node of this machine.
fn free_tcp_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
