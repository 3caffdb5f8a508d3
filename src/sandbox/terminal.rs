//! What a program tells a terminal (ECMA-48): colours are understood, everything else is taken out.

use std::iter::Peekable;
use std::str::Chars;

use crate::model::colours::{Colour, Part, Style, harmless};

/// How many parts a line may have; what follows looks like the last one.
const PARTS: usize = 200;
/// How many numbers of one sequence are read.
const NUMBERS: usize = 32;

/// What a stream has asked of a terminal so far.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    style: Style,
}

impl Terminal {
    /// The parts of the next line. Control characters are escaped, but for tabs.
    pub(super) fn read(&mut self, line: &str) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = Rest {
            characters: line.chars().peekable(),
            endless: false,
        };
        while let Some(c) = rest.characters.next() {
            if c == '\u{1b}' {
                if let Some(numbers) = rest.sequence() {
                    self.style = recoloured(self.style, &numbers);
                }
                continue;
            }
            let full = parts.len() == PARTS;
            match parts.last_mut() {
                Some(last) if full || last.style == self.style => last.text.push(c),
                _ => parts.push(Part {
                    style: self.style,
                    text: c.to_string(),
                }),
            }
        }
        for part in &mut parts {
            part.text = harmless(&part.text);
        }
        parts
    }
}

/// What is left of a line.
struct Rest<'a> {
    characters: Peekable<Chars<'a>>,
    /// Whether it is known that no string of a terminal's ends any more: that is looked for once.
    endless: bool,
}

impl Rest<'_> {
    /// Takes what belongs to an escape character that was taken; gives the numbers, if they choose how text looks.
    fn sequence(&mut self) -> Option<String> {
        match self.characters.next()? {
            // Parameters, then one final character from @ to ~.
            '[' => {
                let mut numbers = String::new();
                for c in self.characters.by_ref() {
                    match c {
                        'm' => return Some(numbers),
                        '@'..='~' => break,
                        c => numbers.push(c),
                    }
                }
                None
            }
            // A title, a link, a picture.
            ']' | 'P' | 'X' | '^' | '_' => {
                self.string();
                None
            }
            // A choice of characters: more of these, then a final one.
            ' '..='/' => {
                while self
                    .characters
                    .next_if(|c| (' '..='/').contains(c))
                    .is_some()
                {}
                self.characters.next();
                None
            }
            _ => None,
        }
    }

    /// Takes a string with its end, if it has one: a bell, or an escape character and a backslash.
    fn string(&mut self) {
        if self.endless {
            return;
        }
        let mut ahead = self.characters.clone();
        while let Some(c) = ahead.next() {
            if c == '\u{7}' || c == '\u{1b}' && ahead.next_if_eq(&'\\').is_some() {
                self.characters = ahead;
                return;
            }
        }
        self.endless = true;
    }
}

/// The style after "select graphic rendition" with these numbers. A sequence that is a terminal's own business changes nothing.
fn recoloured(style: Style, numbers: &str) -> Style {
    let mut style = style;
    if numbers.contains(|c: char| !c.is_ascii_digit() && c != ';' && c != ':') {
        return style;
    }
    // A number with parts of its own (38:5:1) is passed over as a whole.
    let mut numbers = numbers.split(';').take(NUMBERS).map(|number| match number {
        "" => Some(0),
        number => number.parse::<u16>().ok(),
    });
    while let Some(number) = numbers.next() {
        match number {
            Some(0) => style = Style::default(),
            Some(1) => style.bold = true,
            Some(22) => style.bold = false,
            Some(code @ 30..=37) => style.colour = basic(code - 30),
            Some(39) => style.colour = None,
            Some(code @ 90..=97) => style.colour = basic(code - 90),
            Some(code @ (38 | 48)) => {
                let colour = extended(&mut numbers);
                if code == 38 {
                    style.colour = colour;
                }
            }
            _ => {}
        }
    }
    style
}

/// One of a terminal's eight. Black cannot be read on black, nor white on white.
fn basic(number: u16) -> Option<Colour> {
    let known = [
        Some(Colour::Grey),
        Some(Colour::Red),
        Some(Colour::Green),
        Some(Colour::Yellow),
        Some(Colour::Blue),
        Some(Colour::Magenta),
        Some(Colour::Cyan),
        None,
    ];
    known.get(usize::from(number)).copied().flatten()
}

/// A colour out of 256, or one by its red, green and blue: the nearest of ours.
fn extended(numbers: &mut impl Iterator<Item = Option<u16>>) -> Option<Colour> {
    let mut next = || numbers.next().flatten();
    match next()? {
        5 => match next()? {
            number @ 0..16 => basic(number % 8),
            number @ 16..232 => {
                let level = |step: u16| step * 51;
                let cube = number - 16;
                nearest([level(cube / 36), level(cube / 6 % 6), level(cube % 6)])
            }
            number => nearest([(number.min(255) - 232) * 10 + 8; 3]),
        },
        2 => Some([next()?, next()?, next()?]).and_then(nearest),
        _ => None,
    }
}

fn nearest(levels: [u16; 3]) -> Option<Colour> {
    let most = levels.into_iter().max()?;
    let least = levels.into_iter().min()?;
    if most - least < 40 {
        return (most < 160).then_some(Colour::Grey);
    }
    let middle = least + (most - least) / 2;
    match levels.map(|level| level > middle) {
        [true, false, false] => Some(Colour::Red),
        [true, true, false] => Some(Colour::Yellow),
        [false, true, false] => Some(Colour::Green),
        [false, true, true] => Some(Colour::Cyan),
        [false, false, true] => Some(Colour::Blue),
        [true, false, true] => Some(Colour::Magenta),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::colours::{coloured, plain};

    fn read(line: &str) -> String {
        coloured(&Terminal::default().read(line))
    }

    #[test]
    fn of_all_that_a_terminal_is_told_only_colours_stay() {
        for (told, kept) in [
            ("\u{1b}]\ttab\u{7}\u{0}x", "\\u{0}x"),
            ("\u{1b}]\ttab", "\ttab"),
            ("\u{1b}]8;;https://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(B\u{1b}[mx", "x"),
            ("\u{1b}[2J\u{1b}[1;1Hx\u{1b}[?25l", "x"),
            ("\u{1b}Pq#0\u{1b}\\x\u{1b}", "x"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{9b}31mx", "\\u{9b}31mx"),
            ("\u{1b}[5;8;7mx", "x"),
        ] {
            assert_eq!(read(told), kept, "{told:?}");
        }
    }

    #[test]
    fn colours_of_every_kind_become_one_of_seven() {
        for (told, colour) in [
            ("31", "31"),
            ("97;91", "31"),
            ("30", "90"),
            ("38;5;196", "31"),
            ("38;5;9", "31"),
            ("38;5;240", "90"),
            ("38;2;250;120;200", "35"),
            ("48;5;31;32", "32"),
            ("38:5:1;36", "36"),
        ] {
            let line = format!("\u{1b}[{told}mx");
            assert_eq!(read(&line), format!("\u{1b}[{colour}mx\u{1b}[0m"), "{told}");
        }
        for none in [
            "37",
            "31;39",
            "31;0",
            "31;",
            "38;5",
            "38;5;255",
            ">31",
            "38;5;99999",
        ] {
            assert_eq!(read(&format!("\u{1b}[{none}mx")), "x", "{none}");
        }
    }

    #[test]
    fn a_line_of_many_colours_stays_small() {
        let many: String = (0..1600)
            .map(|n| format!("\u{1b}[3{}mx", 1 + n % 6))
            .collect();
        let kept = read(&many);
        assert_eq!(plain(&kept), "x".repeat(1600));
        assert!(kept.len() < 1600 + PARTS * 10);
    }
}
