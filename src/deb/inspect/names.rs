//! Names that people mistake for others: equal but for case or look, or with characters that hide.

use std::collections::HashMap;

use super::checks::{Check, Report};
use crate::deb::payload::Payload;

pub(super) fn check(payload: &Payload, report: &mut Report) {
    let mut seen: HashMap<(&str, String), &str> = HashMap::new();
    for path in payload.entries().keys() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.chars().any(is_hidden) {
            report.add(Check::DeceptiveName, path);
        }
        if let Some(other) = seen.insert((folder, skeleton(name)), name) {
            report.add(Check::NameCollision, &format!("{path} (and {other})"));
        }
    }
}

/// Characters that are not seen, or reorder others; not the joiner (U+200D) that emoji need.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What remains of a name for somebody who looks at it briefly: lower case, without accents, Greek and Cyrillic letters
/// replaced by the Latin ones that look the same.
fn skeleton(name: &str) -> String {
    let shown = name.chars().filter(|c| !is_hidden(*c) && !is_accent(*c));
    shown
        .flat_map(char::to_lowercase)
        .map(look)
        .filter(|c| !is_accent(*c))
        .collect()
}

/// Combining diacritical marks: an accented letter may be written as one character or as two.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The Latin letter that looks like `c` (after Unicode's confusables, as far as names of files go).
fn look(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'а' | 'α' => 'a',
        'ç' | 'ć' | 'č' | 'с' | 'ϲ' => 'c',
        'ԁ' | 'ď' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'е' | 'ё' => 'e',
        'һ' => 'h',
        'ì'..='ï' | 'ī' | 'į' | 'ı' | 'і' | 'ї' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ō' | 'ő' | 'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' | 'ś' | 'š' => 's',
        'т' | 'τ' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'υ' => 'u',
        'ν' => 'v',
        'х' | 'χ' => 'x',
        'ý' | 'ÿ' | 'у' | 'γ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}
