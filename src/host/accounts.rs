//! Users of this host, as passwd(5) has them.

use std::io;

/// A user, and the user's own group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user's id.
    pub user: u32,
    /// The group's id.
    pub group: u32,
}

/// Users cannot be looked up.
#[derive(Debug, thiserror::Error)]
#[error("cannot read /etc/passwd: {source}")]
pub struct AccountError {
    /// Why.
    #[source]
    source: io::Error,
}

impl Account {
    /// The user of this name, if there is one on this host itself.
    ///
    /// # Errors
    ///
    /// [`AccountError`].
    pub fn find(name: &str) -> Result<Option<Self>, AccountError> {
        let text = fs_err::read("/etc/passwd").map_err(|source| AccountError { source })?;
        Ok(find(&String::from_utf8_lossy(&text), name))
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some(Account {
            user: fields.nth(1)?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nplugfarm-host:x:101:102::/:/bin/false\nbroken:x\n";
        let found = Account {
            user: 101,
            group: 102,
        };
        assert_eq!(find(passwd, "plugfarm-host"), Some(found));
        assert_eq!(find(passwd, "plugfarm"), None);
        assert_eq!(find(passwd, "broken"), None);
    }
}
