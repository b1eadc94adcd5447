//! What decoding allocates: never what is claimed, never more than a multiple of what came.

#![expect(unsafe_code, reason = "a counting allocator is a global allocator, which is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use engset_etf::{Limits, decode_body, from_body};
use engset_term::Term;

struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size());
        PEAK.set(PEAK.get().max(HELD.get()));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most memory held at one time while `work` runs.
fn peak_of<R>(work: impl FnOnce() -> R) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    drop(work());
    PEAK.get() - before
}

#[test]
fn a_claim_allocates_nothing() {
    let claims: [&[u8]; 10] = [
        &[105, 0, 152, 150, 128, 106],
        &[108, 0, 152, 150, 128, 106],
        &[116, 0, 152, 150, 128, 106],
        &[105, 255, 255, 255, 255],
        &[109, 3, 255, 255, 255, 0],
        &[77, 3, 255, 255, 255, 1, 0],
        &[111, 0, 0, 31, 255, 0, 1],
        &[107, 255, 255, 0],
        &[80, 3, 255, 255, 255, 120, 156],
        &[112, 255, 255, 255, 255],
    ];
    for claim in claims {
        let nested = [&[104, 1][..], claim].concat();
        for body in [claim, &nested] {
            let peak = peak_of(|| decode_body(body, &Limits::DEFAULT).unwrap_err());
            assert!(peak <= 8 * 1024, "{peak} bytes for {body:?}");
            let peak = peak_of(|| from_body::<Vec<u64>>(body).unwrap_err());
            assert!(peak <= 8 * 1024, "{peak} bytes for {body:?}");
        }
    }
}

#[test]
fn a_term_takes_at_most_its_share() {
    let many = |term: &[u8]| [&[105, 0, 1, 0, 0][..], &term.repeat(65_536)].concat();
    let bodies = [
        many(&[106]),
        many(&[104, 0]),
        many(&[104, 1, 106]),
        many(&[107, 0, 1, 9]),
        many(&[109, 0, 0, 0, 1, 1]),
        many(&[110, 9, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        many(&[113, 119, 0, 119, 0, 97, 0]),
        many(&[77, 0, 0, 0, 1, 1, 128]),
        [[104, 1].repeat(10_000), vec![106]].concat(),
    ];
    for body in bodies {
        let before = HELD.get();
        let (term, _) = decode_body(&body, &Limits::DEFAULT).unwrap();
        let held = HELD.get() - before;
        let share = Limits::DEFAULT.memory_for(body.len());
        assert!(held <= share, "{held} of {share} bytes for {} bytes of tag {}", body.len(), body[5]);
        drop(term);
        // While it is put together there are the cells besides, in a buffer that doubles.
        let peak = peak_of(|| decode_body(&body, &Limits::DEFAULT));
        assert!(peak <= share.saturating_mul(5), "{peak} of {share} bytes at the peak");
        assert_eq!(HELD.get(), before, "all is given back");
    }
}

/// Values of types that are larger than their terms: vectors double while they grow, hash maps keep room.
#[test]
fn values_take_at_most_their_share() {
    let none = [119, 3, b'n', b'i', b'l'];
    let mut body = vec![108, 0, 1, 134, 160];
    (0..100_000).for_each(|_| body.extend(none));
    body.push(106);
    let share = Limits::DEFAULT.values_for(body.len());
    let peak = peak_of(|| from_body::<Vec<Option<[u64; 32]>>>(&body).unwrap());
    assert!(peak <= share.saturating_mul(3), "{peak} of {share} bytes at the peak");
    // Each is twice as large as the share has room for.
    let peak = peak_of(|| from_body::<Vec<Option<[[u64; 32]; 8]>>>(&body).unwrap_err());
    assert!(peak <= share.saturating_mul(3), "{peak} of {share} bytes at the peak");
}

#[test]
fn small_terms_take_little() {
    let nil = peak_of(|| decode_body(&[106], &Limits::DEFAULT));
    assert_eq!(nil, 0);
    let atom = peak_of(|| decode_body(&[119, 2, b'o', b'k'], &Limits::DEFAULT));
    assert_eq!(atom, 0);
    let term: Term = decode_body(&[109, 0, 0, 0, 2, b'o', b'k'], &Limits::DEFAULT).unwrap().0;
    assert_eq!(peak_of(|| term.clone()), 0);
}
