//! Any term survives the way to bytes and back; any bytes are survived.

use engset_etf::{
    Limits, Reader, decode, decode_body, encode, encode_body, from_body, from_term, to_body, to_term,
};
use engset_term::{Term, arbitrary};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

proptest! {
    #[test]
    fn a_term_comes_back(term in arbitrary::term()) {
        prop_assert_eq!(&decode(&encode(&term)).unwrap(), &term);
    }

    #[test]
    fn a_term_comes_back_through_serde(term in arbitrary::term()) {
        let mut plain = Vec::new();
        encode_body(&term, &mut plain);
        let mut body = Vec::new();
        to_body(&term, &mut body).unwrap();
        prop_assert_eq!(&body, &plain);
        prop_assert_eq!(&from_body::<Term>(&body).unwrap(), &term);
        prop_assert_eq!(&to_term(&term).unwrap(), &term);
        prop_assert_eq!(&from_term::<Term>(&term).unwrap(), &term);
    }

    #[test]
    fn skipping_ends_where_reading_ends(term in arbitrary::term(), rest in any::<[u8; 4]>()) {
        let mut body = Vec::new();
        encode_body(&term, &mut body);
        let end = body.len();
        body.extend(rest);
        prop_assert_eq!(Reader::new(&body).skip_term(), Ok(0..end));
        prop_assert_eq!(decode_body(&body, &Limits::DEFAULT), Ok((term, end)));
    }

    #[test]
    fn a_term_cut_short_is_an_error(term in arbitrary::term(), cut in any::<proptest::sample::Index>()) {
        let whole = encode(&term);
        prop_assert!(decode(&whole[..cut.index(whole.len())]).is_err());
    }

    #[test]
    fn random_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::new(&bytes);
        let skipped = reader.skip_term();
        let read = decode_body(&bytes, &Limits::DEFAULT);
        if let (Ok((term, _)), Ok(_)) = (&read, &skipped) {
            prop_assert_eq!(&decode(&encode(term)).unwrap(), term);
        }
        prop_assert!(from_body::<Term>(&bytes).is_err() || read.is_ok());
    }

    #[test]
    fn a_changed_byte_is_survived(term in arbitrary::term(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut whole = encode(&term);
        let at = at.index(whole.len());
        whole[at] = byte;
        if let Ok(term) = decode(&whole) {
            prop_assert_eq!(decode(&encode(&term)), Ok(term));
        }
    }
}

#[test]
fn depth_is_no_danger() {
    const DEPTH: usize = 1_000_000;
    let limits = Limits { depth_max: DEPTH + 1, ..Limits::DEFAULT };
    let mut body = [104, 1].repeat(DEPTH);
    body.push(106);
    let (term, read) = decode_body(&body, &limits).unwrap();
    assert_eq!(read, body.len());
    let mut again = Vec::new();
    encode_body(&term, &mut again);
    assert!(again == body);
    assert_eq!(Reader::new(&body).skip_term(), Ok(0..body.len()));
    assert!(from_body::<Term>(&body).is_err());
    assert!(to_term(&term).is_err());
}
