//! From a repository's host to the addresses that its fetch container may know, each of them checked.

use std::net::IpAddr;
use std::time::Duration;

use super::failures;
use super::location::{RepositoryUrl, Scheme};
use crate::http::refusal;
use crate::model::Failure;

/// How long the name server may take.
const LOOK_UP: Duration = Duration::from_secs(20);
/// The most addresses of one host that are handed on.
const MAX_ADDRESSES: usize = 8;

/// The host's name with each of its addresses, for the container's own table of hosts. Empty for a URL that names an
/// address, or none. If one address is refused, all are: who mixes them means no good.
pub(super) async fn pinned(
    url: &RepositoryUrl,
    private_networks: bool,
) -> Result<Vec<(String, IpAddr)>, Failure> {
    if url.scheme() == Scheme::File {
        return Ok(Vec::new());
    }
    if let Ok(address) = url.host().parse() {
        check(url, &[address], private_networks)?;
        return Ok(Vec::new());
    }
    let looking_up = tokio::net::lookup_host((url.host(), url.port()));
    let found = tokio::time::timeout(LOOK_UP, looking_up)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|error| failures::no_address(url, &error.to_string()))?;
    let mut addresses: Vec<IpAddr> = found.map(|socket| socket.ip()).collect();
    if addresses.is_empty() {
        return Err(failures::no_address(url, "it has no address"));
    }
    check(url, &addresses, private_networks)?;
    // Containers mostly have no IPv6; a name's first address is the one that is tried first.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    Ok(addresses
        .into_iter()
        .map(|address| (url.host().to_owned(), address))
        .collect())
}

fn check(url: &RepositoryUrl, addresses: &[IpAddr], private_networks: bool) -> Result<(), Failure> {
    for address in addresses {
        if let Some(kind) = refusal(*address, private_networks) {
            return Err(failures::address_refused(url, *address, kind));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::location::{Asker, Location};
    use super::*;
    use crate::model::FailureCode;

    async fn pin(text: &str) -> Result<Vec<(String, IpAddr)>, Failure> {
        match Location::parse(text, Asker::CommandLine) {
            Ok(Location::Repository(url)) => pinned(&url, true).await,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses() {
        let failure = pin("https://localhost/x").await.unwrap_err();
        assert_eq!(failure.code, FailureCode::PolicyRejected);
        assert!(failure.message.contains("the machine itself"), "{failure}");
        let failure = pin("git://169.254.169.254/x").await.unwrap_err();
        assert_eq!(failure.code, FailureCode::PolicyRejected);
        let failure = pin("ssh://[::ffff:127.0.0.1]/x").await.unwrap_err();
        assert_eq!(failure.code, FailureCode::PolicyRejected);
    }

    #[tokio::test]
    async fn an_address_needs_no_name() {
        assert_eq!(pin("https://10.1.2.3/x").await, Ok(Vec::new()));
        assert_eq!(pin("file:///srv/x").await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_the_hosts_fault() {
        let failure = pin("https://no-such-host.invalid/x").await.unwrap_err();
        assert_eq!(failure.code, FailureCode::SourceUnreachable);
    }
}
