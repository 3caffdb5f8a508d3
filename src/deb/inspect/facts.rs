//! What the runner noted in the container while it ran the rules. The plugin could have written it too, so a fact can
//! only ever raise doubts, never dispel them.

/// The runner's notes: lines of a word, a space and a text. Known are `archive`, with the path of a Python archive that
/// `rules build` made; `device`, with the path of a device that `rules package` made under fakeroot; `owner`, with the user
/// and the group that it gave a file to, and the file's path; and `uninstall`, with the exit status of the old layout's
/// `make uninstall`. Other lines are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    archives: Vec<String>,
    devices: Vec<String>,
    owners: Vec<(String, String)>,
    uninstall: Option<u32>,
}

/// The most notes of one kind that are kept.
const MOST: usize = 20;

impl Facts {
    /// Reads the notes; what is not text is skipped.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let said = |word| text.lines().filter_map(move |line| line.strip_prefix(word));
        let is_python = |name: &&str| name.ends_with(".tar.gz") || name.ends_with(".whl");
        let archives = said("archive ").filter(is_python).take(MOST);
        Self {
            archives: archives.map(str::to_owned).collect(),
            devices: said("device ").take(MOST).map(str::to_owned).collect(),
            owners: said("owner ")
                .filter_map(|note| note.split_once(' '))
                .take(MOST)
                .map(|(owner, path)| (owner.to_owned(), path.to_owned()))
                .collect(),
            uninstall: said("uninstall ").find_map(|status| status.parse().ok()),
        }
    }

    /// The Python archives that `rules build` made.
    #[must_use]
    pub fn archives(&self) -> &[String] {
        &self.archives
    }

    /// The paths of devices that are empty files outside of fakeroot.
    #[must_use]
    pub fn devices(&self) -> &[String] {
        &self.devices
    }

    /// Owners, as `user:group`, that only fakeroot knew, and the paths that they had.
    #[must_use]
    pub fn owners(&self) -> &[(String, String)] {
        &self.owners
    }

    /// The exit status of `make uninstall`, if it ran.
    #[must_use]
    pub fn uninstall_status(&self) -> Option<u32> {
        self.uninstall
    }
}
