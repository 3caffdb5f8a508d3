//! The colours of a log's lines. A log keeps few: seven that can be read on every ground, and bold.
//!
//! In a stored line each coloured part stands between its own `ESC [ … m` (ECMA-48, select graphic rendition) and `ESC [ 0 m`,
//! so that no line's colour runs into the next one's. These are the only control sequences of a stored line.

use super::text::{printable, word_type};

/// The colour of a part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    /// Red.
    Red,
    /// Green.
    Green,
    /// Yellow.
    Yellow,
    /// Blue.
    Blue,
    /// Magenta.
    Magenta,
    /// Cyan.
    Cyan,
    /// Less than the rest.
    Grey,
}

word_type!(
    Colour,
    "colour",
    "it must be red, green, yellow, blue, magenta, cyan or grey",
    Red = "red",
    Green = "green",
    Yellow = "yellow",
    Blue = "blue",
    Magenta = "magenta",
    Cyan = "cyan",
    Grey = "grey"
);

impl Colour {
    /// Its number in `ESC [ … m`.
    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Magenta => "35",
            Self::Cyan => "36",
            Self::Grey => "90",
        }
    }
}

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour, unless it is the log's own.
    pub colour: Option<Colour>,
}

/// A part of a line that looks the same throughout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// How it looks.
    pub style: Style,
    /// What it says, made [`harmless`].
    pub text: String,
}

const END: &str = "\u{1b}[0m";

/// The line that these parts are, as it is stored.
#[must_use]
pub fn coloured(parts: &[Part]) -> String {
    let mut line = String::new();
    for Part { style, text } in parts.iter().filter(|part| !part.text.is_empty()) {
        let bold = style.bold.then_some("1");
        let codes: Vec<_> = bold
            .into_iter()
            .chain(style.colour.map(Colour::code))
            .collect();
        if codes.is_empty() {
            line.push_str(text);
        } else {
            line.push_str(&format!("\u{1b}[{}m{text}{END}", codes.join(";")));
        }
    }
    line
}

/// The parts of a stored line. A control sequence that no stored line has is taken out.
#[must_use]
pub fn parts(line: &str) -> Vec<Part> {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().map(|text| (Style::default(), text));
    let styled = pieces.map(|piece| {
        let (codes, text) = piece.split_once('m').unwrap_or(("", piece));
        (style(codes), text)
    });
    let parts = first.into_iter().chain(styled);
    let parts = parts.filter(|(_, text)| !text.is_empty());
    parts
        .map(|(style, text)| Part {
            style,
            text: text.replace('\u{1b}', ""),
        })
        .collect()
}

fn style(codes: &str) -> Style {
    let of = |code: &str| Colour::ALL.iter().copied().find(|one| one.code() == code);
    Style {
        bold: codes.split(';').any(|code| code == "1"),
        colour: codes.split(';').find_map(of),
    }
}

/// A stranger's text as a part of a line may have it: control characters are escaped, but for tabs.
#[must_use]
pub fn harmless(text: &str) -> String {
    let cells = text.split('\t').map(|cell| printable(cell, usize::MAX));
    cells.collect::<Vec<_>>().join("\t")
}

/// A stored line without its colours.
#[must_use]
pub fn plain(line: &str) -> String {
    parts(line).into_iter().map(|part| part.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(bold: bool, colour: Option<Colour>, text: &str) -> Part {
        Part {
            style: Style { bold, colour },
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_stored_line_ends_each_colour_that_it_begins() {
        let line = [
            part(false, None, "make: "),
            part(true, Some(Colour::Red), "Error 1"),
            part(true, None, "!"),
        ];
        let stored = coloured(&line);
        assert_eq!(
            stored,
            "make: \u{1b}[1;31mError 1\u{1b}[0m\u{1b}[1m!\u{1b}[0m"
        );
        assert_eq!(parts(&stored), line);
        assert_eq!(plain(&stored), "make: Error 1!");
    }

    #[test]
    fn what_no_stored_line_has_is_taken_out() {
        assert_eq!(plain("\u{1b}[2Ja\u{1b}]0;b\u{1b}[31"), "2Ja]0;b31");
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_stored(
            texts in prop::collection::vec(("[a-z \\t]{1,5}", any::<bool>(), 0..8_usize), 0..6)
        ) {
            let line: Vec<_> = texts
                .iter()
                .map(|(text, bold, colour)| part(*bold, Colour::ALL.get(*colour).copied(), text))
                .collect();
            let read = parts(&coloured(&line));
            let told = |parts: &[Part]| {
                let each = parts.iter().flat_map(|part| part.text.chars().map(|c| (c, part.style.bold, part.style.colour)));
                each.collect::<Vec<_>>()
            };
            prop_assert_eq!(told(&read), told(&line));
        }

        #[test]
        fn no_line_makes_a_plain_one_that_a_terminal_would_obey(line: String) {
            let escapes = plain(&line).contains('\u{1b}');
            prop_assert!(!escapes);
        }
    }
}
