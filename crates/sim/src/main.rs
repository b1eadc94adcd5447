//! Storms from the command line: `engset-sim --seeds N` runs the first N seeds, `--seed S` one.

use engset_sim::storm::{Storm, run};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seeds = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--seeds", count] => count.parse().ok().map(|count| 0..count),
        ["--seed", seed] => seed.parse().ok().map(|seed: u64| seed..seed.saturating_add(1)),
        _ => None,
    };
    let Some(seeds) = seeds else { return say("usage: engset-sim --seeds N | --seed S", 2) };
    let count = seeds.end - seeds.start;
    for seed in seeds {
        if let Err(failure) = run(seed, Storm::default()) {
            return say(&format!("{}\n{failure}", failure.transcript.join("\n")), 1);
        }
    }
    say(&format!("{count} storms, no fault"), 0)
}

fn say(text: &str, code: u8) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}
