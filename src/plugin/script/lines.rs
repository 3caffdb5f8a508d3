//! A shell script's logical lines: continued ones joined, comments and here-documents left out.

/// Lines with their numbers: continued ones joined, here-documents left out.
pub(super) fn logical_lines(lines: Vec<(u64, &str)>) -> Vec<(u64, String)> {
    let mut logical = Vec::new();
    let mut joined: Option<(u64, String)> = None;
    let mut here_document: Option<String> = None;
    for (number, line) in lines {
        if let Some(end) = &here_document {
            if line.trim() == end {
                here_document = None;
            }
            continue;
        }
        let (start, before) = joined.take().unwrap_or((number, String::new()));
        if let Some(line) = line.strip_suffix('\\') {
            joined = Some((start, format!("{before}{line} ")));
            continue;
        }
        let whole = format!("{before}{line}");
        here_document = here_document_end(&whole);
        logical.push((start, whole));
    }
    logical.extend(joined);
    logical
}

/// The word that ends the here-document which `line` begins, if it does.
fn here_document_end(line: &str) -> Option<String> {
    let (before, after) = line.split_once("<<")?;
    if after.starts_with('<') || before.trim_start().starts_with('#') {
        return None;
    }
    let word = after
        .trim_start_matches('-')
        .trim_start()
        .trim_start_matches(['"', '\'', '\\']);
    let end: String = word
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!end.is_empty() && !end.starts_with(|c: char| c.is_ascii_digit())).then_some(end)
}

/// The line up to a `#` that begins a word outside quotes.
pub(super) fn without_comment(line: &str) -> String {
    let mut quote = None;
    let mut before = ' ';
    let is_code = |c: &char| {
        let starts_comment = *c == '#' && quote.is_none() && before.is_whitespace();
        match quote {
            Some(open) if *c == open => quote = None,
            None if matches!(c, '\'' | '"') && before != '\\' => quote = Some(*c),
            _ => {}
        }
        before = *c;
        !starts_comment
    };
    line.chars().take_while(is_code).collect()
}
