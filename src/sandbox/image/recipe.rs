//! The recipes: what is in each image of the farm, embedded from `images/`, so that the installed program needs no files.

use crate::model::{Sha256, Target};

/// Raise it when the code that makes images changes what comes out.
const FORMAT: &str = "plugfarm image 1";

/// An image that the farm makes from Debian packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ImageName {
    /// Where plugins' rules run.
    Builder,
    /// Where repositories are fetched.
    Fetcher,
    /// A clean Debian machine, to install packages on in demonstrations and tests.
    Host,
}

impl ImageName {
    /// Every image.
    pub const ALL: [Self; 3] = [Self::Builder, Self::Fetcher, Self::Host];

    /// The image's word, as in tags and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Fetcher => "fetcher",
            Self::Host => "host",
        }
    }
}

impl std::fmt::Display for ImageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What goes into one image.
pub(super) struct Recipe {
    packages: &'static str,
    /// Files of `/usr/lib/plugfarm`, by name.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// What root's shell runs in the new image, in this order.
    setup: &'static [&'static str],
    /// Whether manual pages and documentation stay out. A host keeps them, as it keeps those of plugins.
    pub(super) bare: bool,
}

const USERS: &str = include_str!("../../../images/common/users");
const HARDEN: &str = include_str!("../../../images/common/harden");
const CLEAN: &str = include_str!("../../../images/common/clean");
const IDENTITY: &str = include_str!("../../../images/common/identity");

const BUILDER: Recipe = Recipe {
    packages: include_str!("../../../images/builder/packages"),
    files: &[
        ("lib", include_str!("../../../images/builder/lib")),
        ("run", include_str!("../../../images/builder/run")),
        (
            "run-legacy",
            include_str!("../../../images/builder/run-legacy"),
        ),
        ("stub", include_str!("../../../images/builder/stub")),
        (
            "under-fakeroot",
            include_str!("../../../images/builder/under-fakeroot"),
        ),
    ],
    setup: &[
        USERS,
        include_str!("../../../images/builder/setup"),
        HARDEN,
        CLEAN,
        IDENTITY,
    ],
    bare: true,
};
const FETCHER: Recipe = Recipe {
    packages: include_str!("../../../images/fetcher/packages"),
    files: &[],
    setup: &[USERS, HARDEN, CLEAN, IDENTITY],
    bare: true,
};
const HOST: Recipe = Recipe {
    packages: include_str!("../../../images/host/packages"),
    files: &[],
    setup: &[USERS, CLEAN, IDENTITY],
    bare: false,
};

impl Recipe {
    pub(super) fn of(name: ImageName) -> &'static Self {
        match name {
            ImageName::Builder => &BUILDER,
            ImageName::Fetcher => &FETCHER,
            ImageName::Host => &HOST,
        }
    }

    /// The names of the packages, with a comma between them.
    pub(super) fn packages(&self) -> String {
        let lines = self.packages.lines().map(str::trim);
        let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        names.collect::<Vec<_>>().join(",")
    }

    /// The script that finishes the image, run by root's shell in it.
    pub(super) fn setup(&self) -> String {
        format!("set -eu\n{}", self.setup.join("\n"))
    }

    /// Changes whenever anything does that the image is made from, but for the Debian packages themselves.
    pub(super) fn digest(&self, name: ImageName, target: Target) -> Sha256 {
        let mut text = format!(
            "{FORMAT}\n{name} {target} {} {}\n{}\n{}\n",
            snapshot(target),
            self.bare,
            self.packages(),
            self.setup()
        );
        for (name, content) in self.files {
            text.push_str(&format!("{name} {}\n{content}\n", content.len()));
        }
        Sha256::of(text.as_bytes())
    }
}

/// The script that adds packages to an image; its arguments are relations in apt's words. It ends with one of these
/// statuses, or another when apt itself fails.
pub(super) fn add_packages() -> String {
    let add = include_str!("../../../images/derived/add-packages");
    format!("set -eu\n{add}\n{HARDEN}\n{CLEAN}")
}

/// The script that makes an image for plugins of the old layout.
pub(super) fn legacy() -> String {
    format!("set -eu\n{}", include_str!("../../../images/legacy/setup"))
}

/// The time that newer files of an image are set back to, in seconds since the epoch: the day of the release.
pub(super) fn snapshot(target: Target) -> u64 {
    match target {
        Target::Bookworm => 1_686_355_200,
        Target::Trixie => 1_754_697_600,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_of_every_target_has_its_own_digest() {
        let mut digests: Vec<_> = ImageName::ALL
            .iter()
            .flat_map(|name| Target::ALL.map(|target| Recipe::of(*name).digest(*name, target)))
            .collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), ImageName::ALL.len() * Target::ALL.len());
    }

    #[test]
    fn packages_are_names_without_remarks() {
        insta::assert_snapshot!(Recipe::of(ImageName::Fetcher).packages(), @"ca-certificates,git,openssh-client");
    }
}
