//! wazo-auth's access patterns, for hosts that have no wazo-auth.

/// Whether a pattern grants an access. Both are words with points between them; in the pattern, `*` is any one word, and `#`
/// any words, even none.
pub(super) fn grants(pattern: &str, access: &str) -> bool {
    let words: Vec<_> = access.split('.').collect();
    // Which beginnings of the access the pattern's words up to here can be: linear, whatever the pattern.
    let mut reached = vec![false; words.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for part in pattern.split('.') {
        let mut next = vec![false; words.len() + 1];
        let mut any = false;
        for (place, was) in reached.iter().enumerate() {
            any |= was;
            let steps = *was
                && words
                    .get(place)
                    .is_some_and(|word| part == "*" || part == *word);
            if part == "#"
                && any
                && let Some(here) = next.get_mut(place)
            {
                *here = true;
            }
            if steps && let Some(after) = next.get_mut(place + 1) {
                *after = true;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_grant_what_they_match() {
        for (pattern, access) in [
            ("#", "plugind.plugins.read"),
            ("plugind.#", "plugind.plugins.read"),
            ("plugind.#", "plugind"),
            ("plugind.*.read", "plugind.market.read"),
            ("plugind.plugins.#.read", "plugind.plugins.a.b.read"),
            ("plugind.plugins.#.read", "plugind.plugins.read"),
            ("#.read", "plugind.plugins.read"),
        ] {
            assert!(grants(pattern, access), "{pattern} {access}");
        }
        for (pattern, access) in [
            ("", "plugind.plugins.read"),
            ("plugind", "plugind.plugins.read"),
            ("plugind.*", "plugind.plugins.read"),
            ("plugind.*.read", "plugind.plugins.a.b.read"),
            ("plugind.plugins.read.x", "plugind.plugins.read"),
            ("plug#", "plugind"),
            ("#.delete", "plugind.plugins.read"),
        ] {
            assert!(!grants(pattern, access), "{pattern} {access}");
        }
    }
}
