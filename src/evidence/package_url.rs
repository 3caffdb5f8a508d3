//! Package URLs of type `deb` (github.com/package-url/purl-spec), by which tools for bills of materials know packages.

/// The package URL of a Debian package of `vendor`.
pub(super) fn package_url(
    vendor: &str,
    name: &str,
    version: &str,
    qualifiers: &[(&str, &str)],
) -> String {
    let qualifiers: Vec<_> = qualifiers
        .iter()
        .map(|(key, value)| format!("{key}={}", escape(value)))
        .collect();
    format!(
        "pkg:deb/{vendor}/{}@{}?{}",
        escape(name),
        escape(version),
        qualifiers.join("&")
    )
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push_str(&hex::encode_upper([byte]));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_escapes_what_debian_allows_and_urls_do_not() {
        assert_eq!(
            package_url("debian", "libstdc++6", "1:12~rc+b1", &[("arch", "amd64")]),
            "pkg:deb/debian/libstdc%2B%2B6@1%3A12~rc%2Bb1?arch=amd64"
        );
    }
}
