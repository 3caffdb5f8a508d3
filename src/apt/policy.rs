//! What the administrator of this machine lets apt do by itself: its pins (apt_preferences(5)), as `apt-cache policy` tells them.

use std::collections::HashMap;

use super::AptError;
use super::command::ask;
use crate::model::DebianVersion;

/// Phasing is judged apart from pins: here every version counts as if it were for all machines.
const ALL_PHASES: &str = "--option=APT::Get::Always-Include-Phased-Updates=true";
/// How many packages are asked about at once.
const AT_ONCE: usize = 500;
/// The most versions of one package that are looked at.
const MAX_VERSIONS: usize = 10_000;

/// What apt would do with packages by itself. It is bound by nothing in the case of one that it does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies(HashMap<String, Policy>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Policy {
    /// The version that apt would install.
    candidate: Option<DebianVersion>,
    /// The versions that must not be installed.
    never: Vec<DebianVersion>,
}

impl Policies {
    /// Asks apt about packages.
    pub(super) async fn of(packages: &[String]) -> Result<Self, AptError> {
        let mut all = Self::default();
        for some in packages.chunks(AT_ONCE) {
            let mut arguments = vec![ALL_PHASES, "policy", "--"];
            arguments.extend(some.iter().map(String::as_str));
            let answer = ask("apt-cache", &arguments).await?;
            all.0
                .extend(Self::read(&String::from_utf8_lossy(&answer)).0);
        }
        Ok(all)
    }

    /// Reads what `apt-cache policy` says.
    #[must_use]
    pub fn read(answer: &str) -> Self {
        let mut all = Self::default();
        let mut policy: Option<&mut Policy> = None;
        for line in answer.lines() {
            if let Some(package) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
                policy = Some(all.0.entry(package.to_owned()).or_default());
                continue;
            }
            let Some(policy) = &mut policy else { continue };
            if let Some(version) = line.strip_prefix("  Candidate: ") {
                policy.candidate = DebianVersion::new(version).ok();
            } else if let Some((version, priority)) = version(line)
                && priority < 0
                && policy.never.len() < MAX_VERSIONS
            {
                policy.never.push(version);
            }
        }
        all
    }

    /// Whether apt may bring a package to this version by itself.
    #[must_use]
    pub fn lets(&self, package: &str, version: &DebianVersion) -> bool {
        let Some(policy) = self.0.get(package) else {
            return true;
        };
        let candidate = policy.candidate.as_ref();
        candidate.is_some_and(|candidate| version <= candidate) && !policy.never.contains(version)
    }
}

/// A version and its priority, in a line of a table: its sources are further to the right.
fn version(line: &str) -> Option<(DebianVersion, i32)> {
    let rest = line
        .strip_prefix("     ")
        .or_else(|| line.strip_prefix(" *** "))?;
    let (version, rest) = rest.split_once(' ').filter(|(word, _)| !word.is_empty())?;
    let priority = rest.split(' ').next()?.parse().ok()?;
    Some((DebianVersion::new(version).ok()?, priority))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "\
wazo-plugind-a-demo:
  Installed: 1.0-0+deb12u1
  Candidate: 2.0-0+deb12u1
  Version table:
     3.0-0+deb12u1 -1
        500 http://127.0.0.1:8000 bookworm/main amd64 Packages
     2.0-0+deb12u1 500 (phased 20%)
        500 http://127.0.0.1:8000 bookworm/main amd64 Packages
     1.5-0+deb12u1 -10
        500 http://127.0.0.1:8000 bookworm/main amd64 Packages
 *** 1.0-0+deb12u1 500
        100 /var/lib/dpkg/status
wazo-plugind-b-demo:
  Installed: (none)
  Candidate: (none)
  Version table:
     1.0-0+deb12u1 -1
";

    #[test]
    fn pins_keep_versions_away() {
        let policies = Policies::read(ANSWER);
        let lets = |name: &str, version: &str| {
            let package = format!("wazo-plugind-{name}-demo");
            let version = DebianVersion::new(&format!("{version}-0+deb12u1")).unwrap();
            policies.lets(&package, &version)
        };
        assert!(!lets("a", "3.0"), "above the candidate");
        assert!(lets("a", "2.0"));
        assert!(!lets("a", "1.5"), "never, and below the candidate");
        assert!(lets("a", "1.0"));
        assert!(!lets("b", "1.0"));
        assert!(lets("unknown", "1.0"));
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(text in "( \\*\\*\\* |     |a:|  Candidate: |1.0|-1|é|\n| )*") {
            prop_assert!(Policies::read(&text).0.len() < 1000);
        }
    }
}
