//! Connections that read into the blocks of one node, against what was sent: signals whole and in fragments, cut anywhere,
//! with rests in between; what has arrived is kept for a while, and must stay as it is.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use engset_dist::Flags;
use engset_dist::blocks::{BLOCK_BYTES, BLOCKS_MAX, Blocks, LITTLE_BYTES_MAX, READ_BYTES};
use engset_dist::connection::{FRAGMENT_BYTES, Incoming, IncomingConfig};
use engset_term::Instant;
use std::collections::VecDeque;

const CONNECTIONS: usize = 3;
/// Incomplete signals of one connection.
const OPEN_MAX: usize = 3;
/// Signals that are kept at a time.
const KEPT_MAX: usize = 48;
const STEPS_MAX: usize = 96;
/// What all steps send.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// `{22, Pid, Pid}`.
const CONTROL: &[u8] =
    b"h\x03a\x16Xw\x03a@h\0\0\0\x01\0\0\0\0\0\0\0\x07Xw\x03b@h\0\0\0\x01\0\0\0\0\0\0\0\x07";

/// A payload by how it begins and how long it is.
#[derive(Clone, Copy)]
struct Sent {
    fill: u8,
    len: usize,
}

struct Open {
    sequence: u64,
    /// Fragments that are to come.
    left: u64,
    sent: Sent,
}

struct Connection {
    incoming: Incoming,
    /// Sent, and not read yet.
    stream: Vec<u8>,
    open: Vec<Open>,
    /// Sent whole.
    expected: VecDeque<Sent>,
    sequences: u64,
}

struct Game {
    blocks: Blocks,
    connections: [Connection; CONNECTIONS],
    kept: VecDeque<(Bytes, Sent)>,
    sent: usize,
    fill: u8,
}

/// Plays connections of one node.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let connections = [(); CONNECTIONS].map(|()| Connection::new());
    let mut game = Game { blocks: Blocks::new(), connections, kept: VecDeque::new(), sent: 0, fill: 0 };
    for _ in 0..STEPS_MAX {
        // An input that ends early has been played as far as it went.
        if input.is_empty() || game.sent > BYTES_MAX || game.step(&mut input).is_err() {
            break;
        }
        assert!(game.blocks.len() <= BLOCKS_MAX, "no more blocks are kept than may be");
    }
    game.end();
}

/// Inputs of many signals.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..64_u8 {
        seeds.push(
            (0..220).map(|at: u8| at.wrapping_mul(kind.wrapping_mul(2) | 1).wrapping_add(kind)).collect(),
        );
        seeds.push(vec![kind; 160]);
    }
    seeds
}

impl Game {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let at = input.int_in_range(0..=CONNECTIONS - 1)?;
        let connection = &mut self.connections[at];
        let before = connection.stream.len();
        self.fill = self.fill.wrapping_add(1);
        match input.int_in_range(0..=11_u8)? {
            0 => connection.whole(Sent { fill: self.fill, len: length(input)?.max(1) }),
            1 | 2 => connection.begin(self.fill, input.int_in_range(2..=5)?, length(input)?),
            3..=5 => {
                let which = input.int_in_range(0..=OPEN_MAX)?;
                connection.go_on(which, length(input)?);
            }
            6 => connection.stream.extend([0; 4]),
            7 | 8 => {
                let len = length(input)?;
                self.read(at, len, input.arbitrary()?);
                return Ok(());
            }
            9 => connection.incoming.rest(|| &mut self.blocks),
            10 => {
                let count = input.int_in_range(0..=self.kept.len())?;
                self.kept.drain(..count).for_each(|(bytes, sent)| check(&bytes, sent));
            }
            // It ends in the middle of whatever has come.
            _ => *connection = Connection::new(),
        }
        self.sent += self.connections[at].stream.len().saturating_sub(before);
        Ok(())
    }

    /// Reads so many bytes on this connection, as a driver does.
    fn read(&mut self, at: usize, len: usize, keeps: bool) {
        let Connection { incoming, stream, expected, .. } = &mut self.connections[at];
        let len = len.min(stream.len());
        for piece in stream[..len].chunks(READ_BYTES) {
            let room = incoming.room(|| &mut self.blocks);
            assert!(room.capacity() - room.len() >= READ_BYTES, "there is room for a read");
            room.extend_from_slice(piece);
            incoming.handle_read(Instant::ZERO, piece.len());
            while let Some(received) = incoming.poll_event() {
                let bytes = received.payload.expect("a message").bytes().clone();
                let sent = expected.pop_front().expect("a signal that was sent");
                check(&bytes, sent);
                if keeps {
                    self.kept.push_back((bytes, sent));
                }
            }
            assert_eq!(incoming.fault(), None, "what is right is taken");
        }
        stream.drain(..len);
        while self.kept.len() > KEPT_MAX {
            let oldest = self.kept.pop_front();
            oldest.into_iter().for_each(|(bytes, sent)| check(&bytes, sent));
        }
    }

    /// All arrives, and what was kept is as it was.
    fn end(mut self) {
        for at in 0..CONNECTIONS {
            while !self.connections[at].open.is_empty() {
                self.connections[at].go_on(0, 1);
            }
            self.read(at, usize::MAX, true);
            let connection = &mut self.connections[at];
            connection.incoming.rest(|| &mut self.blocks);
            assert!(connection.expected.is_empty(), "each signal arrives");
            assert_eq!(connection.incoming.held_bytes(), 0, "nothing is left");
        }
        self.kept.iter().for_each(|(bytes, sent)| check(bytes, *sent));
    }
}

impl Connection {
    fn new() -> Self {
        let flags = Flags::OURS.without(Flags::DIST_HDR_ATOM_CACHE);
        Self {
            incoming: Incoming::new(Instant::ZERO, flags, &IncomingConfig::default()),
            stream: Vec::new(),
            open: Vec::new(),
            expected: VecDeque::new(),
            sequences: 0,
        }
    }

    fn whole(&mut self, sent: Sent) {
        self.frame(&[131, 68, 0], CONTROL, sent, 0);
        self.expected.push_back(sent);
    }

    /// The first of so many fragments.
    fn begin(&mut self, fill: u8, fragments: u64, len: usize) {
        if self.open.len() == OPEN_MAX {
            return self.go_on(0, len);
        }
        self.sequences += 1;
        let (sequence, sent) = (self.sequences, Sent { fill, len });
        let head = [&[131, 69][..], &ids(sequence, fragments), &[0]].concat();
        self.frame(&head, CONTROL, sent, 0);
        self.open.push(Open { sequence, left: fragments - 1, sent });
    }

    /// The next fragment of a signal that has begun.
    fn go_on(&mut self, which: usize, len: usize) {
        let Some(at) = which.checked_rem(self.open.len()) else { return };
        let open = &mut self.open[at];
        // None is empty.
        let (sequence, number, from) = (open.sequence, open.left, open.sent.len);
        open.sent.len += len.max(1);
        open.left -= 1;
        let sent = open.sent;
        if number == 1 {
            self.open.remove(at);
            self.expected.push_back(sent);
        }
        self.frame(&[&[131, 70][..], &ids(sequence, number)].concat(), &[], sent, from);
    }

    /// A frame with what is sent from there on.
    fn frame(&mut self, head: &[u8], control: &[u8], sent: Sent, from: usize) {
        let len = head.len() + control.len() + sent.len - from;
        self.stream.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        self.stream.extend([head, control].concat());
        self.stream.extend((from..sent.len).map(|at| byte(sent, at)));
    }
}

fn ids(sequence: u64, number: u64) -> Vec<u8> {
    [sequence.to_be_bytes(), number.to_be_bytes()].concat()
}

/// A length about one that matters, or a short one.
fn length(input: &mut Unstructured<'_>) -> Result<usize> {
    let lengths =
        [0, LITTLE_BYTES_MAX, FRAGMENT_BYTES, READ_BYTES, BLOCK_BYTES / 4, BLOCK_BYTES / 2, BLOCK_BYTES];
    let about = *input.choose(&lengths)?;
    Ok((about + usize::from(input.arbitrary::<u8>()?)).saturating_sub(128))
}

fn byte(sent: Sent, at: usize) -> u8 {
    sent.fill.wrapping_add(u8::try_from(at % 251).unwrap_or(0))
}

fn check(bytes: &Bytes, sent: Sent) {
    assert_eq!(bytes.len(), sent.len, "it is as long as it was sent");
    assert!(bytes.iter().enumerate().all(|(at, got)| *got == byte(sent, at)), "it is what was sent");
}
