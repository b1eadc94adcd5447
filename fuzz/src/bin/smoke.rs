//! The fuzz targets on mutated seeds for a few seconds, without a fuzzer: `smoke [--seconds N] [--seed N] [TARGET]`.
//!
//! Ends with a line like that of a test run. A finding prints the input as a byte string literal; the same seed
//! finds it again. `smoke --write FOLDER` writes the seeds for the fuzzer instead.

use engset_fuzz::{TARGETS, Target};
use std::fs;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long each target runs unless said otherwise.
const SECONDS: u64 = 5;
/// Longest mutated input.
const INPUT_BYTES_MAX: usize = 4_096;
/// Most changes to one input.
const CHANGES_MAX: usize = 8;
/// A single input that takes longer is a finding.
const RUN_MAX: Duration = Duration::from_secs(10);
/// How much memory one target may keep when it is through: far more than caches and fragmentation need.
const KEPT_BYTES_MAX: u64 = 256 << 20;

struct Request {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    write: Option<String>,
}

/// How one target went.
enum Verdict {
    Ok { runs: u64 },
    Panicked { input: Vec<u8> },
    Slow { input: Vec<u8>, took: Duration },
    Kept { bytes: u64 },
}

fn main() -> io::Result<ExitCode> {
    let Some(request) = parse(std::env::args().skip(1)) else {
        say("usage: smoke [--seconds N] [--seed N] [--write FOLDER] [TARGET]")?;
        return Ok(ExitCode::FAILURE);
    };
    if let Some(folder) = &request.write {
        write_seeds(Path::new(folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("seed {}, {} s for each target", request.seed, request.seconds))?;
    let (mut passed, mut failed) = (0, 0);
    for target in
        TARGETS.iter().filter(|target| request.target.as_deref().is_none_or(|name| name == target.name))
    {
        let verdict = smoke(target, &request);
        say(&describe(target.name, &verdict))?;
        if matches!(verdict, Verdict::Ok { .. }) { passed += 1 } else { failed += 1 }
    }
    let word = if failed == 0 && passed > 0 { "ok" } else { "FAILED" };
    say(&format!(
        "test result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out"
    ))?;
    Ok(if word == "ok" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Request> {
    let mut request = Request { seconds: SECONDS, seed: 1, target: None, write: None };
    while let Some(argument) = args.next() {
        match argument.as_str() {
            "--seconds" => request.seconds = args.next()?.parse().ok()?,
            "--seed" => request.seed = args.next()?.parse().ok()?,
            "--write" => request.write = Some(args.next()?),
            name if TARGETS.iter().any(|target| target.name == name) => request.target = Some(argument),
            _ => return None,
        }
    }
    Some(request)
}

fn smoke(target: &Target, request: &Request) -> Verdict {
    let seeds = (target.seeds)();
    let mut random = fastrand::Rng::with_seed(request.seed);
    let started = now();
    let limit = Duration::from_secs(request.seconds);
    let mut runs = 0;
    let mut before = 0;
    loop {
        // All seeds as they are, then mutations of them.
        let at = usize::try_from(runs).unwrap_or(usize::MAX);
        let input = seeds.get(at).cloned().unwrap_or_else(|| mutated(&seeds, &mut random));
        let begun = now();
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            return Verdict::Panicked { input };
        }
        let ended = now();
        let took = ended.duration_since(begun);
        if took > RUN_MAX {
            return Verdict::Slow { input, took };
        }
        runs += 1;
        if at == seeds.len() {
            before = resident_bytes();
        }
        if at > seeds.len() && ended.duration_since(started) >= limit {
            break;
        }
    }
    let bytes = resident_bytes().saturating_sub(before);
    if bytes > KEPT_BYTES_MAX { Verdict::Kept { bytes } } else { Verdict::Ok { runs } }
}

fn describe(name: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Ok { runs } => format!("test {name} ... ok, {runs} runs"),
        Verdict::Panicked { input } => format!("test {name} ... FAILED on b\"{}\"", input.escape_ascii()),
        Verdict::Slow { input, took } => {
            format!("test {name} ... FAILED: {took:?} for b\"{}\"", input.escape_ascii())
        }
        Verdict::Kept { bytes } => format!("test {name} ... FAILED: {bytes} bytes of memory are kept"),
    }
}

/// A seed, or two of them joined, with a few changes.
fn mutated(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let any = |random: &mut fastrand::Rng| random.choice(seeds).cloned().unwrap_or_default();
    let mut input = any(random);
    if random.u8(..) < 64 {
        let other = any(random);
        input.truncate(random.usize(..=input.len()));
        input.extend_from_slice(other.get(random.usize(..=other.len())..).unwrap_or_default());
    }
    for _ in 0..random.usize(..=CHANGES_MAX) {
        change(&mut input, random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, random: &mut fastrand::Rng) {
    const BYTES: [u8; 12] = [0, 1, 2, 3, 97, 104, 108, 116, 127, 128, 131, 255];
    const WORDS: [u32; 7] = [0, 1, 255, 65_536, 1 << 20, u32::MAX >> 1, u32::MAX];
    let at = random.usize(..=input.len());
    let end = (at + random.usize(..32)).min(input.len());
    match random.u8(..8) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.u8(..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.choice(BYTES).unwrap_or_default();
            }
        }
        2 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.u8(..);
            }
        }
        3 => input.insert(at, random.u8(..)),
        4 => drop(input.drain(at..end)),
        5 => {
            let copy: Vec<u8> = input.get(at..end).unwrap_or_default().to_vec();
            let place = random.usize(..=input.len());
            input.splice(place..place, copy);
        }
        6 => {
            let word = random.choice(WORDS).unwrap_or_default().to_be_bytes();
            for (byte, new) in input.iter_mut().skip(at).zip(word) {
                *byte = new;
            }
        }
        _ => input.extend((0..random.usize(..64)).map(|_| random.u8(..))),
    }
}

fn write_seeds(folder: &Path) -> io::Result<()> {
    for target in &TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}

/// What the process has in memory; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4_096
}

#[expect(clippy::disallowed_methods, reason = "the run has a time limit")]
fn now() -> Instant {
    Instant::now()
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
