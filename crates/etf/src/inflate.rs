//! Compressed terms: zlib data behind a claimed size.

use alloc::vec;
use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::DecodeErrorKind as Kind;
use crate::{DecodeError, Reader};

/// The inflated bytes of a compressed term whose tag was read.
pub(crate) fn inflate(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let start = reader.position();
    let claimed = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    let limits = reader.limits();
    let ratio_limit = reader.left().saturating_mul(limits.inflated_ratio_max);
    if claimed > limits.inflated_bytes_max || claimed > ratio_limit {
        return Err(reader.error_at(start, Kind::InflatesTooMuch));
    }
    let mut inflated = vec![0; claimed];
    let flags =
        TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_COMPUTE_ADLER32;
    let mut state = DecompressorOxide::new();
    let (status, read, written) = decompress(&mut state, reader.rest(), &mut inflated, 0, flags);
    if status != TINFLStatus::Done || written != claimed {
        return Err(reader.error_at(start, Kind::BadCompression));
    }
    reader.take(read)?;
    Ok(inflated)
}

/// Goes past a compressed term whose tag was read.
pub(crate) fn skip(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    inflate(reader).map(drop)
}
