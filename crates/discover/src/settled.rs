//! Which text of a file that is read again and again counts: one that two reads in a row agree on.
//!
//! Who writes in place (`cp`, a shell, many editors) leaves a half-written file for a moment. Read as a whole list it
//! would let go nodes that are only not written yet, and dial what is half a name.

/// Reads of one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    /// The last text that was taken.
    taken: Option<Vec<u8>>,
    /// What the last read gave, where that is not what was taken.
    seen: Option<Vec<u8>>,
    /// Whether the file has been read before.
    begun: bool,
}

/// What a read means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The text that was taken last.
    Same,
    /// Another, of which the next read says whether it is whole.
    Changing,
    /// A new text: [`Settled::take`] it where it is good.
    New(Vec<u8>),
}

impl Settled {
    /// The file has been read. The first read counts at once: there is nothing yet that it could let go.
    pub(crate) fn handle_read(&mut self, bytes: Vec<u8>) -> Read {
        let is_first = !std::mem::replace(&mut self.begun, true);
        if self.taken.as_ref() == Some(&bytes) {
            self.seen = None;
            return Read::Same;
        }
        if is_first || self.seen.as_ref() == Some(&bytes) {
            return Read::New(bytes);
        }
        self.seen = Some(bytes);
        Read::Changing
    }

    /// The file could not be read: what was seen before agrees with nothing after.
    pub(crate) fn handle_failure(&mut self) {
        self.begun = true;
        self.seen = None;
    }

    /// A new text is good: from now on it is the same.
    pub(crate) fn take(&mut self, bytes: Vec<u8>) {
        self.seen = None;
        self.taken = Some(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{Read, Settled};

    fn new(bytes: &[u8]) -> Read {
        Read::New(bytes.to_vec())
    }

    fn settled() -> Settled {
        let mut settled = Settled::default();
        assert_eq!(settled.handle_read(b"a@h\nb@h1\n".to_vec()), new(b"a@h\nb@h1\n"));
        settled.take(b"a@h\nb@h1\n".to_vec());
        settled
    }

    #[test]
    fn a_change_counts_when_two_reads_agree() {
        let mut settled = settled();
        assert_eq!(settled.handle_read(b"a@h\nb@h1\n".to_vec()), Read::Same);
        assert_eq!(settled.handle_read(b"b@h1\n".to_vec()), Read::Changing);
        assert_eq!(settled.handle_read(b"b@h1\n".to_vec()), new(b"b@h1\n"));
        settled.take(b"b@h1\n".to_vec());
        assert_eq!(settled.handle_read(b"b@h1\n".to_vec()), Read::Same);
    }

    /// As `cp` and editors that write in place show it.
    #[test]
    fn what_is_half_written_never_counts() {
        let mut settled = settled();
        for half in [b"".as_slice(), b"a@h\nb", b"a@h\nb@h1"] {
            assert_eq!(settled.handle_read(half.to_vec()), Read::Changing);
        }
        assert_eq!(settled.handle_read(b"a@h\nb@h1\n".to_vec()), Read::Same);
        // The same half as before, with the whole between: that is no agreement.
        assert_eq!(settled.handle_read(b"a@h\nb@h1".to_vec()), Read::Changing);
    }

    #[test]
    fn an_emptied_file_counts_as_any_other() {
        let mut settled = settled();
        assert_eq!(settled.handle_read(Vec::new()), Read::Changing);
        assert_eq!(settled.handle_read(Vec::new()), new(b""));
    }

    #[test]
    fn a_failure_between_two_reads_parts_them() {
        let mut settled = settled();
        assert_eq!(settled.handle_read(b"b@h1\n".to_vec()), Read::Changing);
        settled.handle_failure();
        assert_eq!(settled.handle_read(b"b@h1\n".to_vec()), Read::Changing);
        // A file that appears later may be half written, too.
        let mut late = Settled::default();
        late.handle_failure();
        assert_eq!(late.handle_read(b"a@h".to_vec()), Read::Changing);
    }

    #[test]
    fn a_text_that_is_not_taken_is_new_again() {
        let mut settled = settled();
        assert_eq!(settled.handle_read(b"[".to_vec()), Read::Changing);
        assert_eq!(settled.handle_read(b"[".to_vec()), new(b"["));
        assert_eq!(settled.handle_read(b"[".to_vec()), new(b"["));
    }
}
