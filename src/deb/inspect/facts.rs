//! What the runner noted in the container while it ran the rules. The plugin could have written it too, so a fact can
//! only ever raise doubts, never dispel them.

/// The runner's notes: lines of a word, a space and a text. Known are `archive`, with the path of a Python archive that
/// `rules build` made, and `uninstall`, with the exit status of the old layout's `make uninstall`. Other lines are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    archives: Vec<String>,
    uninstall: Option<u32>,
}

/// The most archives that are kept.
const ARCHIVES: usize = 20;

impl Facts {
    /// Reads the notes; what is not text is skipped.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let said = |word| text.lines().filter_map(move |line| line.strip_prefix(word));
        let is_python = |name: &&str| name.ends_with(".tar.gz") || name.ends_with(".whl");
        let archives = said("archive ").filter(is_python).take(ARCHIVES);
        Self {
            archives: archives.map(str::to_owned).collect(),
            uninstall: said("uninstall ").find_map(|status| status.parse().ok()),
        }
    }

    /// The Python archives that `rules build` made.
    #[must_use]
    pub fn archives(&self) -> &[String] {
        &self.archives
    }

    /// The exit status of `make uninstall`, if it ran.
    #[must_use]
    pub fn uninstall_status(&self) -> Option<u32> {
        self.uninstall
    }
}
