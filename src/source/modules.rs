//! `.gitmodules` (gitmodules(5)): which repository a submodule's folder stands for. Only `path` and `url` are read, and a
//! URL is not believed: it is parsed and checked like any other that a stranger names.

/// One declared submodule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Module {
    /// Its folder, from the repository's root.
    pub(super) path: String,
    /// Where it comes from; may be relative to its parent's URL.
    pub(super) url: String,
}

/// The submodules that a `.gitmodules` file declares. What git would not read as a declaration either is passed over:
/// a submodule without one is left an empty folder.
pub(super) fn parse(text: &str) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            open = section.trim_start().starts_with("submodule ");
            if open {
                modules.push(Module::default());
            }
            continue;
        }
        let (Some(module), Some((key, value))) =
            (modules.last_mut().filter(|_| open), line.split_once('='))
        else {
            continue;
        };
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => module.path = unquote(value.trim()),
            "url" => module.url = unquote(value.trim()),
            _ => {}
        }
    }
    modules.retain(|module| !module.path.is_empty() && !module.url.is_empty());
    modules
}

/// A value of git's configuration syntax: quotes are taken off, escapes undone, a comment after it is dropped.
fn unquote(value: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => text.extend(characters.next()),
            '#' | ';' if !quoted => break,
            c => text.push(c),
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, url: &str) -> Module {
        Module {
            path: path.to_owned(),
            url: url.to_owned(),
        }
    }

    #[test]
    fn declarations_are_read() {
        let text = "# ours\n[submodule \"lib\"]\n\tpath = libs/lib\n\turl = ../lib.git # beside\n\tbranch = x\n\
                    [core]\n\turl = file:///etc\n[ submodule \"b\" ]\n  URL=\"https://h/a;b\"\n  Path=\"é \\\"x\\\"\"\n";
        assert_eq!(
            parse(text),
            [
                module("libs/lib", "../lib.git"),
                module("é \"x\"", "https://h/a;b")
            ]
        );
    }

    #[test]
    fn half_a_declaration_is_none() {
        assert_eq!(
            parse("[submodule \"a\"]\npath = a\n[submodule \"b\"]\nurl = b\n"),
            []
        );
        assert_eq!(parse("path = a\nurl = b\n"), []);
        assert_eq!(parse("[submodule \"a\"\n=\n\\"), []);
    }
}
