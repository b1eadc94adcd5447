//! Any bytes, decoded as a control message, and any control message, encoded and decoded again.

use crate::shape;
use arbitrary::Unstructured;
use engset_dist::control::Control;

/// Decodes `data` as it is, as the elements of a tuple, and makes a control message of it.
pub fn run(data: &[u8]) {
    decode(data);
    if let Some((&op, rest)) = data.split_first() {
        decode(&[&[104, 2 + op % 6, 97, op % 40], rest].concat());
    }
    if let Ok(control) = shape::control(&mut Unstructured::new(data)) {
        let mut bytes = Vec::new();
        control.encode(&mut bytes);
        assert_eq!(Control::decode(&bytes), Ok((control, bytes.len())), "there and back");
    }
}

/// A message of each operation.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..=255_u8 {
        let bytes: Vec<u8> = (0..80).map(|at| kind.wrapping_mul(31).wrapping_add(at)).collect();
        if let Ok(control) = shape::control(&mut Unstructured::new(&bytes)) {
            let mut seed = Vec::new();
            control.encode(&mut seed);
            seeds.push(seed);
        }
        seeds.push(bytes);
    }
    seeds
}

fn decode(bytes: &[u8]) {
    let Ok((control, used)) = Control::decode(bytes) else { return };
    assert!(used <= bytes.len(), "no more is read than there is");
    let mut encoded = Vec::new();
    control.encode(&mut encoded);
    assert_eq!(Control::decode(&encoded), Ok((control, encoded.len())), "what decodes encodes to itself");
}
