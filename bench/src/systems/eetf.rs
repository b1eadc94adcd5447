//! The codec of the crate eetf, which is only that.

use crate::driver;
use crate::row::Row;
use ::eetf::Term;

pub(crate) fn measure(row: Row) -> Option<f64> {
    driver::terms(
        row,
        |bytes| Term::decode(bytes).expect("the bytes are a term"),
        |term, out| term.encode(out).expect("a vector takes all"),
    )
}
