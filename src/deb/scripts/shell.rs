//! Values as words and lists of a POSIX shell script.

/// `text` as one word of a shell command. Texts here have no NUL and no line end; both would be kept all the same.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A command of `words`.
pub(super) fn command(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    quoted.join(" ")
}

/// The line that ends a list. No line of a list equals it, since lists hold absolute paths.
const END: &str = "END_OF_LIST";

/// A function `name` that prints `lines`, absolute paths without line ends, one a line.
pub(super) fn list_function(name: &str, lines: &[String]) -> String {
    format!(
        "{name}() {{\n    cat <<'{END}'\n{}\n{END}\n}}\n",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
        assert_eq!(command(&["a".to_owned(), String::new()]), "'a' ''");
    }
}
