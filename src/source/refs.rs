//! What a repository has: its branches and tags.

use std::collections::BTreeMap;

use super::names::RequestedRef;
use crate::model::CommitId;

/// A branch or a tag that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// Its full name, such as `refs/tags/v1`.
    pub name: String,
    /// The commit; of an annotated tag, the one that it names.
    pub commit: CommitId,
}

/// The branches and tags in what `git ls-remote` printed; what has another form is none.
pub(super) fn parse(text: &str) -> Vec<RemoteRef> {
    let mut found = BTreeMap::new();
    for (id, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        // A tag's own object comes first, and then the commit that it names.
        let name = name.strip_suffix("^{}").unwrap_or(name);
        let wanted = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        if let (true, Ok(commit)) = (wanted && RequestedRef::new(name).is_ok(), CommitId::new(id)) {
            found.insert(name.to_owned(), commit);
        }
    }
    let named = |(name, commit)| RemoteRef { name, commit };
    found.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_and_tags_are_listed_by_the_commits_that_they_name() {
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a}\trefs/heads/main\n{b}\trefs/pull/1/head\n{b}\trefs/tags/v1\n\
             {c}\trefs/tags/v1^{{}}\nno id\trefs/heads/x\n{a}\trefs/heads/-x y\n"
        );
        let found: Vec<_> = parse(&text)
            .into_iter()
            .map(|found| (found.name, found.commit.to_string()))
            .collect();
        let expected = [("refs/heads/main", a), ("refs/tags/v1", c)];
        assert_eq!(found, expected.map(|(name, id)| (name.to_owned(), id)));
    }
}
