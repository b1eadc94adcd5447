//! External format written by hand, so that tests do not lean on the codec they check.

#![allow(dead_code, reason = "each test program uses its own part")]

/// A pid of this node: `NEW_PID_EXT`.
pub(crate) fn pid(node: &str, id: u32, serial: u32, creation: u32) -> Vec<u8> {
    let numbers = [id.to_be_bytes(), serial.to_be_bytes(), creation.to_be_bytes()].concat();
    [vec![88], atom(node), numbers].concat()
}

/// An atom: `SMALL_ATOM_UTF8_EXT`.
pub(crate) fn atom(text: &str) -> Vec<u8> {
    let len = u8::try_from(text.len()).expect("a short atom");
    [&[119, len][..], text.as_bytes()].concat()
}

/// A reference of three words: `NEWER_REFERENCE_EXT`.
pub(crate) fn reference(node: &str, creation: u32, words: [u32; 3]) -> Vec<u8> {
    let words = words.map(u32::to_be_bytes).concat();
    [vec![90, 0, 3], atom(node), creation.to_be_bytes().to_vec(), words].concat()
}

/// `SMALL_INTEGER_EXT`.
pub(crate) fn int(value: u8) -> Vec<u8> {
    vec![97, value]
}

/// `SMALL_TUPLE_EXT`.
pub(crate) fn tuple(elements: &[Vec<u8>]) -> Vec<u8> {
    let len = u8::try_from(elements.len()).expect("a small tuple");
    [vec![104, len], elements.concat()].concat()
}

/// A proper list.
pub(crate) fn list(elements: &[Vec<u8>]) -> Vec<u8> {
    if elements.is_empty() {
        return vec![106];
    }
    let len = u32::try_from(elements.len()).expect("a short list").to_be_bytes();
    [vec![108], len.to_vec(), elements.concat(), vec![106]].concat()
}

/// A frame: the length and the body.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("a short frame").to_be_bytes();
    [&len[..], body].concat()
}

/// A frame with a normal distribution header and no atoms.
pub(crate) fn normal(control: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(&[&[131, 68, 0][..], control, payload].concat())
}

/// A frame without distribution header.
pub(crate) fn pass_through(control: &[u8], payload: Option<&[u8]>) -> Vec<u8> {
    let payload = payload.map_or(vec![], |payload| [&[131][..], payload].concat());
    frame(&[&[112, 131][..], control, &payload].concat())
}

/// A first fragment.
pub(crate) fn first(sequence: u64, number: u64, control: &[u8], payload: &[u8]) -> Vec<u8> {
    let ids = [sequence.to_be_bytes(), number.to_be_bytes()].concat();
    frame(&[&[131, 69][..], &ids, &[0], control, payload].concat())
}

/// A further fragment.
pub(crate) fn next(sequence: u64, number: u64, payload: &[u8]) -> Vec<u8> {
    let ids = [sequence.to_be_bytes(), number.to_be_bytes()].concat();
    frame(&[&[131, 70][..], &ids, payload].concat())
}
