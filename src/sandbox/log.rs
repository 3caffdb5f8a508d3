//! A container's output, from raw bytes to printable lines, with a bound on everything.

use bytes::{Bytes, BytesMut};

use crate::model::printable;

/// The longest line that is kept, in bytes; what exceeds it is dropped, and the line says so.
const LINE: usize = 8 << 10;

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Cuts one stream into lines. A line feed or a carriage return (progress bars) ends a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: BytesMut,
    dropped: usize,
    /// Whether the last byte was a carriage return, so that a line feed after it ends no second line.
    returned: bool,
}

impl Lines {
    /// Takes the next bytes, and hands out each line that they complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut each: impl FnMut(&str)) {
        let mut rest: &[u8] = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, after) = rest.split_at(end);
            let end = after.first().copied();
            rest = after.get(1..).unwrap_or_default();
            self.keep(line);
            let second_half = line.is_empty() && self.line.is_empty() && self.returned;
            self.returned = end == Some(b'\r');
            if !(second_half && end == Some(b'\n')) {
                each(&self.take());
            }
        }
        if !rest.is_empty() {
            self.returned = false;
        }
        self.keep(rest);
    }

    /// Hands out what came after the last line's end.
    pub(super) fn finish(&mut self, each: impl FnOnce(&str)) {
        if !self.line.is_empty() {
            each(&self.take());
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE - self.line.len();
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        self.line.extend_from_slice(kept);
        self.dropped += dropped.len();
    }

    fn take(&mut self) -> String {
        let mut text = clean(&String::from_utf8_lossy(&self.line));
        if self.dropped > 0 {
            text.push_str(&format!(" [… {} bytes more]", self.dropped));
        }
        self.line.clear();
        self.dropped = 0;
        text
    }
}

/// Takes out colours and cursor movements, and escapes what other control characters there are, but for tabs.
fn clean(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '\u{1b}' {
            plain.push(c);
        } else if characters.next_if_eq(&'[').is_some() {
            // A control sequence of ECMA-48: parameters, then one final character from @ to ~.
            for c in characters.by_ref() {
                if ('@'..='~').contains(&c) {
                    break;
                }
            }
        } else {
            characters.next();
        }
    }
    let parts: Vec<_> = plain
        .split('\t')
        .map(|part| printable(part, usize::MAX))
        .collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(&Bytes::copy_from_slice(chunk), |line| {
                found.push(line.to_owned())
            });
        }
        lines.finish(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_are_cut_wherever_the_chunks_end() {
        assert_eq!(
            lines(&[b"one\ntw", b"o\n\nfour"]),
            ["one", "two", "", "four"]
        );
        assert_eq!(
            lines(&[b"one\r\ntwo\r", b"\nthree"]),
            ["one", "two", "three"]
        );
        assert_eq!(lines(&[b"10%\r20%\r30%\n"]), ["10%", "20%", "30%"]);
    }

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(
            lines(&[b"\x1b[1;31mred\x1b[0m\x1b]\ttab\x07\x00"]),
            ["red\ttab\\u{7}\\u{0}"]
        );
        assert_eq!(lines(&[b"\xff\xfe ok"]), ["\u{fffd}\u{fffd} ok"]);
        assert_eq!(lines(&["a\u{202e}b".as_bytes()]), ["a\\u{202e}b"]);
    }

    #[test]
    fn a_flood_without_line_ends_stays_small() {
        let flood = vec![b'x'; 1 << 20];
        let mut lines = Lines::default();
        for _ in 0..64 {
            lines.push(&Bytes::copy_from_slice(&flood), |_| {
                panic!("no line ends here")
            });
            assert!(lines.line.capacity() <= 4 * LINE);
        }
        let mut text = String::new();
        lines.finish(|line| line.clone_into(&mut text));
        assert!(text.ends_with(&format!("[… {} bytes more]", (64 << 20) - LINE)));
    }

    proptest! {
        #[test]
        fn no_byte_survives_that_a_terminal_would_obey(bytes: Vec<u8>) {
            for line in lines(&[&bytes]) {
                prop_assert!(line.chars().all(|c| c == '\t' || !c.is_control()));
            }
        }
    }
}
