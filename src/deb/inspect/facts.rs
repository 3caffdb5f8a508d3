//! What the runner noted in the container while it ran the rules. The plugin could have written it too, so a fact can
//! only ever raise doubts, never dispel them.

/// The runner's notes: lines of a word, a space and a text. Known is `dist`, with the path of an archive that `rules build`
/// left in `dist/`; other lines are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    archives: Vec<String>,
}

/// The most archives that are kept.
const ARCHIVES: usize = 20;

impl Facts {
    /// Reads the notes; what is not text is skipped.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let archives = text.lines().filter_map(|line| line.strip_prefix("dist "));
        let is_python = |name: &&str| name.ends_with(".tar.gz") || name.ends_with(".whl");
        Self {
            archives: archives
                .filter(is_python)
                .take(ARCHIVES)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The Python archives that `rules build` made.
    #[must_use]
    pub fn archives(&self) -> &[String] {
        &self.archives
    }
}
