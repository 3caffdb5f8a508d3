//! Package names that a plugin may not take: real packages of Wazo whose names look like a plugin's.

/// Packages of Wazo's own repositories, present and past, that have the form `wazo-plugind-<name>-<namespace>`.
const RESERVED: &[&str] = &["wazo-plugind-client-python", "wazo-plugind-client-python3"];

/// Whether `package` is a known package of Wazo, or one of `more`.
pub(super) fn is_reserved(package: &str, more: &[String]) -> bool {
    RESERVED.contains(&package) || more.iter().any(|name| name == package)
}
