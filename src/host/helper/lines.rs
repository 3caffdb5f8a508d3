//! Output as lines: bounded, printable, and without what a terminal would have written over.

use crate::model::printable;

/// The most bytes of a line; the rest of a longer one is passed over.
const MAX_LINE: usize = 4096;

/// Puts bytes together to lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// Whether the pending line is longer than a line may be.
    cut: bool,
}

impl Lines {
    /// The lines that end with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => lines.push(self.take()),
                // What comes after a carriage return is written over what was before it, such as dpkg's progress.
                b'\r' if !self.pending.is_empty() => self.pending.push(b'\r'),
                b'\r' => {}
                byte => {
                    if self.pending.last() == Some(&b'\r') {
                        self.pending.clear();
                    }
                    if self.pending.len() < MAX_LINE {
                        self.pending.push(*byte);
                    } else {
                        self.cut = true;
                    }
                }
            }
        }
        lines
    }

    /// The line that has no end.
    pub(super) fn finish(&mut self) -> Option<String> {
        (!self.pending.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        while self.pending.last() == Some(&b'\r') {
            self.pending.pop();
        }
        let text = String::from_utf8_lossy(&self.pending).replace('\t', "    ");
        let mut line = printable(&text, MAX_LINE);
        if self.cut {
            line.push('…');
        }
        self.pending.clear();
        self.cut = false;
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = lines.push(bytes);
        found.extend(lines.finish());
        found
    }

    #[test]
    fn lines_are_what_a_terminal_would_show_in_the_end() {
        assert_eq!(all(b"one\ntwo"), ["one", "two"]);
        assert_eq!(all(b"dos\r\nline\r\n"), ["dos", "line"]);
        assert_eq!(all(b"5%\r10%\r100%\nnext\n"), ["100%", "next"]);
        assert_eq!(all(b"\xff\x1b[2J\tx\n"), ["\u{fffd}\\u{1b}[2J    x"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let found = all(&[b"x".repeat(MAX_LINE * 3), b"\nshort".to_vec()].concat());
        assert_eq!(found[0].chars().count(), MAX_LINE + 1);
        assert_eq!(found[1], "short");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes: Vec<u8>, at: prop::sample::Index) {
            let at = at.index(bytes.len() + 1);
            let mut lines = Lines::default();
            let mut found = lines.push(&bytes[..at]);
            found.extend(lines.push(&bytes[at..]));
            found.extend(lines.finish());
            prop_assert_eq!(found, all(&bytes));
        }
    }
}
