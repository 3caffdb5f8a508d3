//! What this machine is: its Debian release, and its id.

use std::path::Path;

use super::AptError;
use super::index::read_limited;
use crate::model::Target;

/// The most bytes of the files that are read here.
const MAX: u64 = 64 << 10;

/// The Debian release of this machine (os-release(5)); none, if it is no release that plugins are built for.
///
/// # Errors
///
/// [`AptError::Read`].
pub fn release() -> Result<Option<Target>, AptError> {
    let text = read_limited(Path::new("/etc/os-release"), MAX)?;
    Ok(codename(&String::from_utf8_lossy(&text)).and_then(|name| name.parse().ok()))
}

fn codename(os_release: &str) -> Option<String> {
    let mut lines = os_release.lines();
    let value = lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// The machine's id (machine-id(5)), where apt looks for it; empty, if it has none.
#[must_use]
pub fn machine_id() -> String {
    let places = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let found = places.iter().find_map(|place| {
        let text = read_limited(Path::new(place), MAX).ok()?;
        let text = String::from_utf8(text).ok()?;
        let id = text.lines().next()?.trim().to_owned();
        (!id.is_empty() && id != "uninitialized").then_some(id)
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_known_by_its_codename() {
        assert_eq!(
            codename("ID=debian\nVERSION_CODENAME=bookworm\n").unwrap(),
            "bookworm"
        );
        assert_eq!(codename("VERSION_CODENAME=\"trixie\"\n").unwrap(), "trixie");
        assert_eq!(codename("ID=debian\n"), None);
    }
}
