//! Any bytes, decoded here and by `binary_to_term/1` of a live Erlang: the same is a term, and it is the same term.
//!
//! Where `erl` is not installed the target does nothing.

use engset_etf::DecodeErrorKind as Kind;
use engset_etf::{decode, encode, tags};
use engset_term::Term;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Inputs after which a new Erlang is started: atoms that mutation makes up stay in it for ever.
const INPUTS_PER_ERLANG: u32 = 200_000;
/// A compressed term that claims more is not shown to Erlang, which allocates what is claimed.
const INFLATED_BYTES_MAX: u32 = 1 << 20;

/// Answers each packet: 1 and its own encoding of the term, 2 where bytes follow the term, 0 where there is none.
const PROGRAM: &str = "
    P = open_port({fd,0,1}, [binary,{packet,4},eof]),
    Answer = fun(Bytes) ->
        try binary_to_term(Bytes, [used]) of
            {Term, Used} when Used =:= byte_size(Bytes) -> [1, term_to_binary(Term, [{minor_version,2}])];
            {_, _} -> 2
        catch _:_ -> 0 end end,
    Loop = fun Loop() -> receive
        {P, {data, Bytes}} -> port_command(P, [Answer(Bytes)]), Loop();
        {P, eof} -> halt(0, [{flush,false}]) end end,
    Loop().";

thread_local! {
    static ERLANG: RefCell<Option<Erlang>> = const { RefCell::new(None) };
}

struct Erlang {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    inputs: u32,
}

/// What Erlang says of the bytes.
enum Verdict {
    Term(Vec<u8>),
    Trailing,
    No,
}

/// Compares what `data` is here and there.
pub fn run(data: &[u8]) {
    // A term that is local to a node is nobody else's to judge, and pids without a node are that Erlang's own.
    if data.get(1) == Some(&tags::LOCAL_EXT) || names_nobody(data) || claims_much(data) {
        return;
    }
    let ours = decode(data);
    let Some(theirs) = ask(data) else { return };
    match (&ours, theirs) {
        (Ok(term), Verdict::Term(bytes)) => check_same(term, &bytes),
        (Ok(term), Verdict::No | Verdict::Trailing) => {
            // Of forms that nobody writes any more, Erlang checks bits that mean nothing now. What is taken here can be
            // passed on in any case.
            let passed_on = ask(&encode(term));
            let is_fine = matches!(passed_on, Some(Verdict::Term(_)) | None);
            assert!(is_fine || is_newer(data), "Erlang takes no {term}");
        }
        (Err(error), Verdict::Term(bytes)) => {
            // Erlang reads tags that it uses for itself only from whomever they come.
            let is_internal = matches!(data.get(error.offset), Some(b'H'..=b'L'));
            assert!(is_stricter(error.kind) || is_internal, "Erlang takes it as {:?}: {error}", decode(&bytes));
        }
        (Err(_), Verdict::No | Verdict::Trailing) => {}
    }
}

/// The seeds of `etf_decode`, and terms of all kinds.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = crate::etf_decode::seeds();
    for data in crate::etf_round_trip::seeds() {
        if let Ok(term) = crate::shape::term(&mut arbitrary::Unstructured::new(&data)) {
            seeds.push(encode(&term));
        }
    }
    seeds
}

fn check_same(term: &Term, theirs: &[u8]) {
    let back = decode(theirs).expect("what Erlang encodes is a term");
    assert!(&back == term || is_kept(theirs), "Erlang reads {back}, not {term}");
}

/// What is refused here and taken there: limits, and what no OTP node makes, such as a node without a host or a fun
/// whose size is not its own.
fn is_stricter(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::TooDeep
            | Kind::TooManyElements
            | Kind::BinaryTooLarge
            | Kind::IntegerTooLarge
            | Kind::TooMuchMemory
            | Kind::InflatesTooMuch
            | Kind::TooManyNodeNames
            | Kind::BadNodeName
            | Kind::BadOpaque
            | Kind::BadSign
            | Kind::BadReference
            | Kind::BadFloat
    )
}

/// Whether a term that only later releases have may be in it: a native record.
fn is_newer(data: &[u8]) -> bool {
    data.contains(&tags::RECORD)
}

/// Whether a term may be in it that is kept as its bytes, which Erlang may write in another way: a fun or a record.
fn is_kept(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(*byte, tags::NEW_FUN | tags::RECORD))
}

fn names_nobody(data: &[u8]) -> bool {
    let name = b"nonode@nohost";
    data.windows(name.len()).any(|window| window == name)
}

fn claims_much(data: &[u8]) -> bool {
    let claims = |window: &[u8]| match window {
        [80, claim @ ..] => {
            let claim: [u8; 4] = claim.try_into().unwrap_or([0; 4]);
            u32::from_be_bytes(claim) > INFLATED_BYTES_MAX
        }
        _ => false,
    };
    data.windows(5).any(claims)
}

/// What a live Erlang says; `None` where there is none, or where it ended over the input.
fn ask(data: &[u8]) -> Option<Verdict> {
    ERLANG.with_borrow_mut(|erlang| {
        if erlang.as_ref().is_none_or(|erlang| erlang.inputs >= INPUTS_PER_ERLANG) {
            *erlang = Erlang::start().ok();
        }
        let verdict = erlang.as_mut()?.ask(data);
        if verdict.is_err() {
            *erlang = None;
        }
        verdict.ok()
    })
}

impl Erlang {
    fn start() -> io::Result<Self> {
        let mut child = Command::new("erl")
            .args(["-noinput", "-boot", "no_dot_erlang", "+t", "3000000", "+S", "1", "-eval", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { child, to, from, inputs: 0 })
    }

    fn ask(&mut self, data: &[u8]) -> io::Result<Verdict> {
        self.inputs += 1;
        let len = u32::try_from(data.len()).map_err(io::Error::other)?;
        self.to.write_all(&[&len.to_be_bytes()[..], data].concat())?;
        self.to.flush()?;
        let mut len = [0; 4];
        self.from.read_exact(&mut len)?;
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(len)).map_err(io::Error::other)?];
        self.from.read_exact(&mut answer)?;
        Ok(match answer.split_first() {
            Some((1, bytes)) => Verdict::Term(bytes.to_vec()),
            Some((2, _)) => Verdict::Trailing,
            _ => Verdict::No,
        })
    }
}

impl Drop for Erlang {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
