//! The rules for names and for the targets of symbolic links.

use super::error::{PayloadError, Rule};
use super::limits::{Budget, PayloadLimits};

/// Places that exist during a build, or belong to a running system, and that a link in a package may not point into.
const BUILD_PLACES: &[&str] = &["work", "tmp", "var/tmp", "proc"];

/// The longest name of one component, in bytes, that Linux file systems take.
const COMPONENT: usize = 255;

/// Checks a path of a payload: relative, no trailing slash, at least one component.
pub(super) fn check_path(path: &str, limits: &PayloadLimits) -> Result<(), PayloadError> {
    if path.len() as u64 > limits.path_bytes {
        return Err(PayloadError::too_large(
            path,
            Budget::PathBytes,
            limits.path_bytes,
        ));
    }
    if path.matches('/').count() as u64 > limits.depth {
        return Err(PayloadError::too_large(path, Budget::Depth, limits.depth));
    }
    match broken_rule(path) {
        None => Ok(()),
        Some(rule) => Err(PayloadError::refused(path, rule)),
    }
}

fn broken_rule(path: &str) -> Option<Rule> {
    if path.starts_with('/') {
        return Some(Rule::Absolute);
    }
    if path.chars().any(char::is_control) {
        return Some(Rule::ControlCharacter);
    }
    path.split('/').find_map(|component| match component {
        "" | "." | ".." => Some(Rule::DotComponent),
        _ if component.starts_with('-') || component.starts_with("..") => Some(Rule::LeadingDash),
        _ if component.ends_with(char::is_whitespace) => Some(Rule::TrailingSpace),
        _ if component.len() > COMPONENT => Some(Rule::LongComponent),
        _ => None,
    })
}

/// The directories above `path`, from the top.
pub(super) fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .filter_map(|(end, _)| path.get(..end))
}

/// The target that the link at `path` gets: relative and as short as can be within one top-level directory, absolute
/// otherwise (Debian Policy 10.5). The target is followed by name alone.
pub(super) fn link_target(path: &str, target: &str) -> Result<String, Rule> {
    if target.is_empty() {
        return Err(Rule::LinkEmpty);
    }
    if target.chars().any(char::is_control) {
        return Err(Rule::ControlCharacter);
    }
    let resolved = resolve(path, target).ok_or(Rule::LinkEscapes)?;
    let absolute = resolved.join("/");
    let inside = |place: &str| {
        absolute
            .strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if BUILD_PLACES.iter().any(|place| inside(place)) {
        return Err(Rule::LinkIntoBuild);
    }
    let from: Vec<&str> = path.split('/').collect();
    if resolved.first() == from.first() {
        Ok(relative(&from, &resolved))
    } else {
        Ok(format!("/{absolute}"))
    }
}

/// The components, from the root, that `target` names when it is seen from `path`; nothing if it leaves the root.
fn resolve<'a>(path: &'a str, target: &'a str) -> Option<Vec<&'a str>> {
    let mut resolved: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        let mut folder: Vec<&str> = path.split('/').collect();
        folder.pop();
        folder
    };
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                resolved.pop()?;
            }
            name => resolved.push(name),
        }
    }
    Some(resolved)
}

fn relative(from: &[&str], to: &[&str]) -> String {
    let folder = from.split_last().map_or(from, |(_, folder)| folder);
    let shared = folder.iter().zip(to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", folder.len() - shared);
    let down = to.iter().skip(shared).copied();
    let steps: Vec<&str> = up.chain(down).collect();
    if steps.is_empty() {
        ".".to_owned()
    } else {
        steps.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_written_as_policy_wants_them() {
        for (path, target, expected) in [
            ("usr/bin/a", "/usr/lib/x/a", "../lib/x/a"),
            ("usr/bin/a", "../lib/x/a", "../lib/x/a"),
            ("usr/bin/a", "../../usr/bin/./b", "b"),
            ("usr/bin/a", "b", "b"),
            ("usr/share/a", "/usr/share", "."),
            ("usr/share/x/a", "/usr/share", ".."),
            ("usr/share/a", "/etc/a", "/etc/a"),
            ("usr/share/a", "../../etc/a", "/etc/a"),
            ("etc/systemd/system/x.service", "/dev/null", "/dev/null"),
            ("a", "/", "/"),
            ("usr/a", "/usr", "."),
        ] {
            assert_eq!(
                link_target(path, target).as_deref(),
                Ok(expected),
                "{path} -> {target}"
            );
        }
    }

    #[test]
    fn links_that_no_host_can_follow_are_refused() {
        for (target, rule) in [
            ("../../../etc/passwd", Rule::LinkEscapes),
            ("/../etc", Rule::LinkEscapes),
            ("/work/out/tree/usr/bin/b", Rule::LinkIntoBuild),
            ("/tmp", Rule::LinkIntoBuild),
            ("/var/tmp/x", Rule::LinkIntoBuild),
            ("/proc/self/fd/0", Rule::LinkIntoBuild),
            ("", Rule::LinkEmpty),
            ("a\nb", Rule::ControlCharacter),
        ] {
            assert_eq!(link_target("usr/bin/a", target), Err(rule), "{target:?}");
        }
        assert!(link_target("usr/bin/a", "/workbench").is_ok());
    }

    #[test]
    fn parents_come_from_the_top() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(parents("a").count(), 0);
    }
}
