//! The codec of the crate erltf, which is only that. It gives a vector of its own for each term.

use crate::driver;
use crate::row::Row;

pub(crate) fn measure(row: Row) -> Option<f64> {
    driver::terms(
        row,
        |bytes| ::erltf::decode(bytes).expect("the bytes are a term"),
        |term, out| *out = ::erltf::encode(term).expect("the term has bytes"),
    )
}
