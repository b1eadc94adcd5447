//! Any bytes, decoded here and by `binary_to_term/1` of a live Erlang: the same is a term, and it is the same term.
//!
//! Where `erl` is not installed the target does nothing.

use engset_etf::DecodeErrorKind as Kind;
use engset_etf::{decode, encode, tags};
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Inputs after which a new Erlang is started: atoms that mutation makes up stay in it for ever.
const INPUTS_PER_ERLANG: u32 = 200_000;
/// A compressed term that claims more is not shown to Erlang, which allocates what is claimed.
const INFLATED_BYTES_MAX: u32 = 1 << 20;

/// Takes packets of two pieces: bytes, and what we would write for their term. Answers 0 where the bytes are no term, 1
/// where something follows it, 2 where both are the same term, 3 where they are not.
const PROGRAM: &str = "
    P = open_port({fd,0,1}, [binary,{packet,4},eof]),
    Read = fun(Bytes) ->
        try binary_to_term(Bytes, [used]) of
            {Term, Used} when Used =:= byte_size(Bytes) -> {ok, Term};
            {_, _} -> 1
        catch _:_ -> 0 end end,
    Loop = fun Loop() -> receive
        {P, {data, <<Len:32, Theirs:Len/binary, Ours/binary>>}} ->
            Answer = case {Read(Theirs), Read(Ours)} of
                {{ok, Same}, {ok, Other}} when Same =:= Other -> 2;
                {{ok, _}, _} -> 3;
                {No, _} -> No
            end,
            port_command(P, [Answer]), Loop();
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// They are no term, or something follows it.
    No,
    /// They are the term that we read.
    Same,
    /// They are another one.
    Other,
}

/// Compares what `data` is here and there.
pub fn run(data: &[u8]) {
    // A term that is local to a node is nobody else's to judge, and pids without a node are that Erlang's own.
    if data.get(1) == Some(&tags::LOCAL_EXT) || names_nobody(data) || claims_much(data) {
        return;
    }
    let ours = decode(data);
    let written = ours.as_ref().map(encode).unwrap_or_default();
    let Some(verdict) = ask(data, &written) else { return };
    match (&ours, verdict) {
        (Ok(_), Verdict::Same) | (Err(_), Verdict::No) => {}
        (Ok(term), Verdict::Other) => panic!("Erlang reads something else than {term}"),
        (Ok(term), Verdict::No) => {
            // Of forms that nobody writes any more, Erlang checks bits that mean nothing now. What is taken here can be
            // passed on in any case.
            let passed_on = ask(&written, &written);
            let is_fine = matches!(passed_on, Some(Verdict::Same) | None);
            assert!(is_fine || is_newer(data), "Erlang takes no {term}");
        }
        (Err(error), Verdict::Same | Verdict::Other) => {
            // Erlang reads tags that it uses for itself only, from whomever they come.
            let is_internal = matches!(data.get(error.offset), Some(b'H'..=b'L'));
            assert!(is_stricter(error.kind) || is_internal, "Erlang takes what is refused here: {error}");
        }
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

/// What is refused here and taken there: limits, and what no OTP node makes, such as a node without a host, an export of
/// arity 256, or a fun whose size is not its own.
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
            | Kind::IntegerOutOfRange
    )
}

/// Whether a term that only later releases have may be in it: a native record.
fn is_newer(data: &[u8]) -> bool {
    data.contains(&tags::RECORD)
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

/// What a live Erlang says of `data`, of which we would write the term as `written`; `None` where there is no Erlang, or
/// where it ended over the input.
fn ask(data: &[u8], written: &[u8]) -> Option<Verdict> {
    ERLANG.with_borrow_mut(|erlang| {
        if erlang.as_ref().is_none_or(|erlang| erlang.inputs >= INPUTS_PER_ERLANG) {
            *erlang = Erlang::start().ok();
        }
        let verdict = erlang.as_mut()?.ask(data, written);
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

    fn ask(&mut self, data: &[u8], written: &[u8]) -> io::Result<Verdict> {
        self.inputs += 1;
        let len = |len: usize| u32::try_from(len).map(u32::to_be_bytes).map_err(io::Error::other);
        let (whole, piece) = (len(4 + data.len() + written.len())?, len(data.len())?);
        self.to.write_all(&[&whole[..], &piece, data, written].concat())?;
        self.to.flush()?;
        let mut answer = [0; 5];
        self.from.read_exact(&mut answer)?;
        Ok(match answer {
            [0, 0, 0, 1, 2] => Verdict::Same,
            [0, 0, 0, 1, 3] => Verdict::Other,
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
