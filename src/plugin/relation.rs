//! Relations between packages (Debian Policy 7.1), as dpkg accepts them in a binary package's `Depends`.
//!
//! What a manifest says is parsed and written anew, so that no stranger's text ever reaches a control file.

use std::fmt;

use crate::model::{DebianVersion, printable};

/// One dependency: a package, or several of which any will do (`a (>= 1) | b`). Displays in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The alternatives, in the author's order of preference; at least one.
    pub alternatives: Vec<Relation>,
}

/// One alternative: a package's name, and the architecture and versions that it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The package's name (Debian Policy 5.6.1).
    pub package: String,
    /// The architecture qualifier after the colon: `any`, `native` or an architecture.
    pub architecture: Option<String>,
    /// The versions that will do.
    pub version: Option<(Operator, DebianVersion)>,
}

/// How a relation compares versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package)?;
        if let Some(architecture) = &self.architecture {
            write!(f, ":{architecture}")?;
        }
        match &self.version {
            Some((operator, version)) => write!(f, " ({operator} {version})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, relation) in self.alternatives.iter().enumerate() {
            let separator = if index == 0 { "" } else { " | " };
            write!(f, "{separator}{relation}")?;
        }
        Ok(())
    }
}

/// A text that dpkg would not accept as a relation. Says which part, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{relation}` is no package relation: {reason}")]
pub struct InvalidRelation {
    /// The part that is wrong, made printable.
    pub relation: String,
    /// What is wrong with it, as a clause.
    pub reason: &'static str,
}

/// Dependencies read from one text, and whether an operator in it is obsolete (`<`, `>`, or none before a version).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependencies {
    pub(super) list: Vec<Dependency>,
    pub(super) obsolete: bool,
}

impl Dependency {
    /// Reads one or more dependencies with commas between them, as in a control field.
    ///
    /// Fails on what dpkg refuses in a binary package: empty parts, names that break the rule, architecture lists
    /// (`[amd64]`), build profiles (`<!nocheck>`) and substitution variables.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, InvalidRelation> {
        parse(text).map(|dependencies| dependencies.list)
    }
}

/// See [`Dependency::parse_list`].
pub(super) fn parse(text: &str) -> Result<Dependencies, InvalidRelation> {
    let mut obsolete = false;
    let mut list = Vec::new();
    for part in text.split(',') {
        let relations = part.split('|').map(|text| relation(text, &mut obsolete));
        let alternatives = relations.collect::<Result<_, _>>()?;
        list.push(Dependency { alternatives });
    }
    Ok(Dependencies { list, obsolete })
}

fn relation(text: &str, obsolete: &mut bool) -> Result<Relation, InvalidRelation> {
    let text = text.trim_matches([' ', '\t']);
    let invalid = |reason| InvalidRelation {
        relation: printable(text, 80),
        reason,
    };
    let name_end = text
        .find([' ', '\t', '(', ':', '[', '<'])
        .unwrap_or(text.len());
    let (package, rest) = text.split_at(name_end);
    if let Some(reason) = name_problem(package) {
        return Err(invalid(reason));
    }
    let (architecture, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let end = rest.find([' ', '\t', '(', '[', '<']).unwrap_or(rest.len());
            let (architecture, rest) = rest.split_at(end);
            (Some(architecture), rest)
        }
        None => (None, rest),
    };
    if architecture.is_some_and(|name| !is_architecture(name)) {
        return Err(invalid(
            "what follows the colon must be any, native or an architecture",
        ));
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let version = if rest.is_empty() {
        None
    } else {
        Some(version(rest, obsolete).map_err(invalid)?)
    };
    Ok(Relation {
        package: package.to_owned(),
        architecture: architecture.map(str::to_owned),
        version,
    })
}

/// What breaks Debian's rule for package names (Debian Policy 5.6.1), if anything does.
fn name_problem(name: &str) -> Option<&'static str> {
    let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty() {
        return Some("a package's name is missing");
    }
    if name.starts_with('$') {
        return Some("substitution variables mean nothing here");
    }
    if name.len() > 200 {
        return Some("a package's name has at most 200 characters here");
    }
    let valid = name.len() >= 2
        && name.starts_with(is_lower)
        && name.chars().all(|c| is_lower(c) || "+-.".contains(c));
    (!valid).then_some(
        "a package's name has two or more lower-case letters, digits, + - and ., and starts with a letter or a digit",
    )
}

fn is_architecture(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The version restriction `rest`, with its parentheses.
fn version(rest: &str, obsolete: &mut bool) -> Result<(Operator, DebianVersion), &'static str> {
    if rest.starts_with('[') {
        return Err(
            "an architecture list is for source packages only; hosts are amd64, so name the package alone",
        );
    }
    if rest.starts_with('<') {
        return Err("a build profile is for source packages only");
    }
    let inner = rest
        .strip_prefix('(')
        .ok_or("after the name only a version in parentheses may follow")?;
    let (inner, after) = inner
        .split_once(')')
        .ok_or("the closing parenthesis is missing")?;
    if !after.is_empty() {
        return Err("nothing may follow the version");
    }
    let inner = inner.trim_matches([' ', '\t']);
    let end = inner
        .find(|c: char| !"<=>".contains(c))
        .unwrap_or(inner.len());
    let (operator, number) = inner.split_at(end);
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        "<" | ">" | "" => {
            *obsolete = true;
            obsolete_meaning(operator)
        }
        _ => return Err("the operator must be one of << <= = >= >>"),
    };
    let number = number.trim_start_matches([' ', '\t']);
    let version = DebianVersion::new(number).map_err(|_| "the version is no Debian version")?;
    Ok((operator, version))
}

/// What dpkg takes an obsolete operator for.
fn obsolete_meaning(operator: &str) -> Operator {
    match operator {
        "<" => Operator::EarlierOrEqual,
        ">" => Operator::LaterOrEqual,
        _ => Operator::Equal,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        let list = Dependency::parse_list(text).unwrap();
        let list: Vec<_> = list.iter().map(ToString::to_string).collect();
        list.join(", ")
    }

    #[test]
    fn every_form_that_dpkg_accepts_is_read() {
        for (text, expected) in [
            ("tig", "tig"),
            ("tig(>=1)", "tig (>= 1)"),
            ("tig ( >= 1:2-3 )", "tig (>= 1:2-3)"),
            ("a2 (<< 1) | b2:any", "a2 (<< 1) | b2:any"),
            ("a2, b2 (= 1)", "a2, b2 (= 1)"),
            ("g++:native\t(>> 12)", "g++:native (>> 12)"),
            (
                "libc6:amd64 (= 2.36-9+deb12u7)",
                "libc6:amd64 (= 2.36-9+deb12u7)",
            ),
            ("a2 (< 1)", "a2 (<= 1)"),
            ("a2 (> 1)", "a2 (>= 1)"),
            ("a2 (1.0)", "a2 (= 1.0)"),
        ] {
            assert_eq!(canonical(text), expected);
        }
        assert!(parse("a2 (< 1)").unwrap().obsolete);
        assert!(!parse("a2 (<< 1)").unwrap().obsolete);
    }

    #[test]
    fn what_dpkg_refuses_is_refused() {
        for text in [
            "",
            "a2, , b2",
            "a2 |",
            "| a2",
            "tig [amd64]",
            "tig <!nocheck>",
            "${misc:Depends}",
            "a2 (>= v1)",
            "a2:",
            "a2 (== 1)",
            "a2 (=> 1)",
            "a2 (>= 1",
            "a2 (>= )",
            "a2 ()",
            "a2 b2",
            "a2 (>= 1) x",
            "a2\nDepends: evil",
            "Tig",
            "x",
            "a_b",
            "-rf",
            "a2/sid",
            "a2=1",
            "a2 (>= 1)(<< 2)",
            "é2",
            "a2\u{a0}",
            "a2 (>= 1\n)",
        ] {
            assert!(Dependency::parse_list(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_names_the_part_and_the_reason() {
        let error = Dependency::parse_list("a2, Tig (>= 1)").unwrap_err();
        insta::assert_snapshot!(error, @"`Tig (>= 1)` is no package relation: a package's name has two or more lower-case letters, digits, + - and ., and starts with a letter or a digit");
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_is_written_reads_the_same(text in "[a-z0-9 :|,()<>=.+~\\[\\]$-]{0,40}|\\PC{0,40}") {
            if let Ok(list) = Dependency::parse_list(&text) {
                for dependency in list {
                    let written = dependency.to_string();
                    prop_assert!(written.bytes().all(|b| (b' '..=b'~').contains(&b)));
                    prop_assert_eq!(Dependency::parse_list(&written), Ok(vec![dependency]));
                }
            }
        }
    }
}
