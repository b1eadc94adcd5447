//! A thousand storms over three nodes; whatever happens, links, monitors and order hold, and nothing leaks.

use engset_sim::storm::{Storm, run};

const SEEDS: u64 = 1_000;

#[test]
fn storms_leave_no_fault_behind() {
    if let Ok(seed) = std::env::var("ENGSET_SEED") {
        let seed = seed.parse().expect("ENGSET_SEED is a number");
        run(seed, Storm::default()).unwrap_or_else(|failure| panic!("{failure}"));
        return;
    }
    for seed in 0..SEEDS {
        run(seed, Storm::default()).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn the_same_seed_makes_the_same_storm() {
    let trace = |seed| run(seed, Storm::default()).expect("no fault");
    assert_eq!(trace(7), trace(7));
    assert_eq!(trace(8), trace(8));
    assert_ne!(trace(7), trace(8));
}
