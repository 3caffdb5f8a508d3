//! A container's output, from raw bytes to printable lines, with a bound on everything.

use bytes::{Bytes, BytesMut};

use super::terminal::Terminal;
use crate::model::colours::{Part, Style, coloured};

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

/// A line that was printed, and can be printed again: control characters are escaped, but for tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed<'a> {
    /// Without colours.
    pub plain: &'a str,
    /// With them, as [`crate::model::colours`] writes them.
    pub coloured: &'a str,
}

impl<'a> Printed<'a> {
    /// A line without colours.
    #[must_use]
    pub fn plainly(plain: &'a str) -> Self {
        let coloured = plain;
        Self { plain, coloured }
    }

    /// How many bytes its colours take: one that goes on over lines is written in each of them.
    pub(super) fn colours(&self) -> u64 {
        self.coloured.len().saturating_sub(self.plain.len()) as u64
    }
}

/// Cuts one stream into lines. A line feed or a carriage return (progress bars) ends a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: BytesMut,
    dropped: usize,
    /// Whether the last byte was a carriage return, so that a line feed after it ends no second line.
    returned: bool,
    /// What the stream has asked of a terminal so far: colours go on over the ends of lines.
    terminal: Terminal,
}

impl Lines {
    /// Takes the next bytes, and hands out each line that they complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut each: impl FnMut(Printed<'_>)) {
        let mut rest: &[u8] = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, after) = rest.split_at(end);
            let end = after.first().copied();
            rest = after.get(1..).unwrap_or_default();
            self.keep(line);
            let second_half = line.is_empty() && self.line.is_empty() && self.returned;
            self.returned = end == Some(b'\r');
            if !(second_half && end == Some(b'\n')) {
                self.take(&mut each);
            }
        }
        if !rest.is_empty() {
            self.returned = false;
        }
        self.keep(rest);
    }

    /// Hands out what came after the last line's end.
    pub(super) fn finish(&mut self, each: impl FnOnce(Printed<'_>)) {
        if !self.line.is_empty() {
            self.take(each);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE - self.line.len();
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        self.line.extend_from_slice(kept);
        self.dropped += dropped.len();
    }

    fn take(&mut self, each: impl FnOnce(Printed<'_>)) {
        let mut parts = self.terminal.read(&String::from_utf8_lossy(&self.line));
        if self.dropped > 0 {
            parts.push(Part {
                style: Style::default(),
                text: format!(" [… {} bytes more]", self.dropped),
            });
        }
        self.line.clear();
        self.dropped = 0;
        let plain: String = parts.iter().map(|part| part.text.as_str()).collect();
        let coloured = coloured(&parts);
        each(Printed {
            plain: &plain,
            coloured: &coloured,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lines, without colours and with them.
    fn both(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let owned = |line: Printed<'_>| (line.plain.to_owned(), line.coloured.to_owned());
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(&Bytes::copy_from_slice(chunk), |line| {
                found.push(owned(line))
            });
        }
        lines.finish(|line| found.push(owned(line)));
        found
    }

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        both(chunks).into_iter().map(|(plain, _)| plain).collect()
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
    fn a_colour_goes_on_over_lines_and_ends_with_each() {
        let found = both(&[b"a\x1b[1;31mred\nstill\x1b[", b"0m not\n\x1b[2Jplain"]);
        let coloured: Vec<_> = found.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(
            coloured,
            [
                "a\x1b[1;31mred\x1b[0m",
                "\x1b[1;31mstill\x1b[0m not",
                "plain"
            ]
        );
        let plain: Vec<_> = found.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(plain, ["ared", "still not", "plain"]);
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
        lines.finish(|line| line.plain.clone_into(&mut text));
        assert!(text.ends_with(&format!("[… {} bytes more]", (64 << 20) - LINE)));
    }

    proptest! {
        #[test]
        fn no_byte_survives_that_a_terminal_would_obey_but_for_colours(
            pieces in prop::collection::vec(prop_oneof![
                any::<Vec<u8>>(),
                "\x1b\\[[0-9;:?]{0,8}[a-zA-Z]".prop_map(String::into_bytes),
                "\x1b[\\]P(#]".prop_map(String::into_bytes),
            ], 0..8)
        ) {
            for (plain, coloured) in both(&[&pieces.concat()]) {
                prop_assert!(plain.chars().all(|c| c == '\t' || !c.is_control()));
                prop_assert_eq!(&crate::model::colours::plain(&coloured), &plain);
                for sequence in coloured.split('\x1b').skip(1) {
                    let codes = sequence.strip_prefix('[').and_then(|rest| rest.split_once('m')).unwrap().0;
                    prop_assert!(codes.split(';').all(|code| "0 1 31 32 33 34 35 36 90".split(' ').any(|known| known == code)));
                }
            }
        }
    }
}
