//! What there is beside the plugin, as far as the farm knows. A check that needs to know more is not run.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::model::Target;

/// What there is beside the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The packages of each target's Debian release, as far as there is a list.
    pub debian: BTreeMap<Target, PackageNames>,
    /// Packages that hosts get from elsewhere: names, or beginnings of names with `*` after them.
    pub host_packages: Vec<String>,
    /// The packages of the plugins that hosts can install, if there is a repository to ask.
    pub plugins: Option<BTreeSet<String>>,
}

/// Names of packages, virtual ones included. Copies share one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageNames(Arc<HashSet<String>>);

impl PackageNames {
    /// Reads a list with one name a line.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(Arc::new(text.lines().map(str::to_owned).collect()))
    }

    /// Whether there is a package of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl Known {
    /// Whether there is a list of the target's packages, and `package` is not in it.
    pub(super) fn is_unlisted(&self, package: &str, target: Target) -> bool {
        let listed = self.debian.get(&target);
        listed.is_some_and(|names| !names.contains(package))
    }

    /// Whether hosts get `package` from elsewhere than Debian.
    pub(super) fn is_from_elsewhere(&self, package: &str) -> bool {
        let mut patterns = self.host_packages.iter();
        patterns.any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => package.starts_with(start),
            None => package == pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_unlisted_only_where_there_is_a_list() {
        let known = Known {
            debian: BTreeMap::from([(Target::Trixie, PackageNames::parse("tig\nawk\n"))]),
            ..Known::default()
        };
        assert!(!known.is_unlisted("tig", Target::Trixie));
        assert!(known.is_unlisted("tigg", Target::Trixie));
        assert!(!known.is_unlisted("tigg", Target::Bookworm));
    }

    #[test]
    fn a_pattern_is_a_name_or_its_beginning() {
        let known = Known {
            host_packages: vec!["wazo-*".to_owned(), "asterisk".to_owned()],
            ..Known::default()
        };
        for (package, elsewhere) in [
            ("wazo-calld", true),
            ("wazo", false),
            ("asterisk", true),
            ("asterisk-doc", false),
        ] {
            assert_eq!(known.is_from_elsewhere(package), elsewhere, "{package}");
        }
    }
}
