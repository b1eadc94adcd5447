//! A stream of bytes as lines, with a limit for one.

/// The longest line, in bytes, without its end: an object has 1.5 MiB at most where the API keeps it, in a shorter form.
pub(crate) const LINE_BYTES_MAX: usize = 4 << 20;

/// Bytes of which no whole line has been made yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

/// A line has more than [`LINE_BYTES_MAX`] bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Lines {
    /// Whether a line has begun and not ended.
    pub(crate) fn is_within(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Takes the next line out of `bytes`, which then begin after it; `None` when they end before it does.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.begun.len().saturating_add(part.len()) > LINE_BYTES_MAX {
            return Err(TooLong);
        }
        self.begun.extend_from_slice(part);
        *bytes = rest.get(1..).unwrap_or_default();
        Ok(end.map(|_| std::mem::take(&mut self.begun)))
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES_MAX, Lines, TooLong};

    #[test]
    fn lines_are_made_of_pieces() {
        let mut lines = Lines::default();
        let mut piece: &[u8] = b"one\ntw";
        assert_eq!(lines.next(&mut piece), Ok(Some(b"one".to_vec())));
        assert_eq!(lines.next(&mut piece), Ok(None));
        assert!(lines.is_within());
        let mut piece: &[u8] = b"o\n\n";
        assert_eq!(lines.next(&mut piece), Ok(Some(b"two".to_vec())));
        assert_eq!(lines.next(&mut piece), Ok(Some(Vec::new())));
        assert_eq!(lines.next(&mut piece), Ok(None));
        assert!(!lines.is_within());
    }

    #[test]
    fn a_line_has_a_limit_also_when_it_comes_in_pieces() {
        let longest = vec![b'x'; LINE_BYTES_MAX];
        let mut lines = Lines::default();
        assert_eq!(lines.next(&mut longest.as_slice()), Ok(None));
        assert_eq!(lines.next(&mut b"\n".as_slice()), Ok(Some(longest.clone())));
        assert_eq!(lines.next(&mut longest.as_slice()), Ok(None));
        assert_eq!(lines.next(&mut b"x\n".as_slice()), Err(TooLong));
    }
}
