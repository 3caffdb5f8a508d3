//! The two documents that every package has (Debian Policy 12.5 and 12.7): copyright and changelog.

use std::io::{self, Write};

use super::PackageSpec;

/// What is known about a plugin's rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copyright {
    /// The plugin, as people call it.
    pub name: String,
    /// Where its source is.
    pub source: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its licence, as its manifest names it.
    pub license: Option<String>,
}

/// The text of a `copyright` file, in the machine-readable format 1.0 of Debian. It says so where nothing is known.
#[must_use]
pub fn copyright(about: &Copyright) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text =
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n".to_owned();
    text.push_str(&format!("Upstream-Name: {}\n", line(&about.name)));
    if let Some(source) = &about.source {
        text.push_str(&format!("Source: {}\n", line(source)));
    }
    let author = about
        .author
        .as_deref()
        .map_or_else(|| "the authors of the plugin".to_owned(), line);
    text.push_str(&format!("\nFiles: *\nCopyright: {author}\n"));
    match about.license.as_deref().map(line) {
        Some(license) => text.push_str(&format!(
            "License: {license}\n The plugin's manifest names this license; its source has the text.\n"
        )),
        None => text.push_str(
            "License: unknown\n The plugin's manifest names no license; ask its author, or look into its source.\n",
        ),
    }
    text
}

/// The changelog (Debian Policy 4.4), compressed as `gzip -9n` does, and its name.
pub(super) fn changelog(spec: &PackageSpec) -> io::Result<(&'static str, Vec<u8>)> {
    let (package, version) = (&spec.package, &spec.version);
    let mut text = format!("{package} ({version}) unstable; urgency=medium\n\n");
    for change in &spec.changes {
        let change: String = change.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("  * {change}\n"));
    }
    let date = spec.time.changelog_date();
    text.push_str(&format!("\n -- {}  {date}\n", spec.maintainer));

    let builder = flate2::GzBuilder::new().mtime(0).operating_system(3);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes())?;
    // Only a version with a Debian revision has a Debian changelog of its own (Debian Policy 12.7).
    let native = !spec.version.as_str().contains('-');
    let name = if native {
        "changelog.gz"
    } else {
        "changelog.Debian.gz"
    };
    Ok((name, encoder.finish()?))
}
