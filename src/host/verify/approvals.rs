//! Who let a package into its channel: the approvals that the farm's signed index names, as they were kept here.

use std::collections::BTreeSet;

use super::Verification;
use crate::apt::Available;
use crate::evidence::{StatementKey, VerifiedApproval, verify_approval};
use crate::host::evidence::Kept;
use crate::model::{Sha256, Suite};

/// How a package came into one of the suites that this host follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The suite.
    pub suite: String,
    /// Who approved it there, as far as that is verified. A suite whose index names no approval asked for none.
    pub approvals: Vec<VerifiedApproval>,
}

impl Admission {
    /// How many people approved it.
    fn people(&self) -> usize {
        let by = self.approvals.iter().map(|one| &one.approval().by);
        by.collect::<BTreeSet<_>>().len()
    }
}

impl Verification {
    /// Holds the approvals that are kept against those that the farm's index names. `required` is how many people somebody
    /// here wants to have approved it.
    pub(super) fn admit(
        &mut self,
        offer: Option<&Available>,
        kept: &Kept,
        keys: &[StatementKey],
        required: usize,
    ) {
        let before = self.verdict;
        match offer {
            Some(offer) => {
                for (suite, digests) in &offer.approvals {
                    let approvals = digests
                        .iter()
                        .filter_map(|digest| self.approval(suite, *digest, kept, keys));
                    let mut admission = Admission {
                        suite: suite.clone(),
                        approvals: Vec::new(),
                    };
                    admission.approvals.extend(approvals);
                    if admission.people() < admission.approvals.len() {
                        self.differs(format!("one person approved it for {suite} twice"));
                    }
                    self.admissions.push(admission);
                }
            }
            // The index does not say any more which approvals there are. Those that are here still prove who gave them.
            None => self.remember(kept, keys),
        }
        let most = self.admissions.iter().map(Admission::people).max();
        let most = most.unwrap_or_default();
        if most < required {
            let reason = format!("approved by {most} of the {required} people that are asked for");
            if self.verdict == before {
                self.differs(reason);
            } else {
                self.cannot_tell(reason);
            }
        }
    }

    /// One approval that the index names for a suite.
    fn approval(
        &mut self,
        suite: &str,
        digest: Sha256,
        kept: &Kept,
        keys: &[StatementKey],
    ) -> Option<VerifiedApproval> {
        let Some(bytes) = kept.approvals.get(&digest) else {
            self.cannot_tell(format!(
                "the approval {digest} for {suite} was not kept; plugfarm-host update fetches it"
            ));
            return None;
        };
        if Sha256::of(bytes) != digest {
            self.cannot_tell(format!(
                "the approval {digest} for {suite} is not what the farm's index names"
            ));
            return None;
        }
        let verified = match verify_approval(bytes, keys) {
            Ok(verified) => verified,
            Err(error) => {
                self.cannot_tell(format!("the approval {digest} for {suite}: {error}"));
                return None;
            }
        };
        if !self.is_about(&verified) || suite_of(&verified) != own_name(suite) {
            self.differs(format!(
                "the approval {digest}, which the farm's index names for {suite}, is of {} for {}",
                verified.deb().name,
                suite_of(&verified)
            ));
            return None;
        }
        Some(verified)
    }

    fn remember(&mut self, kept: &Kept, keys: &[StatementKey]) {
        for bytes in kept.approvals.values() {
            let Ok(verified) = verify_approval(bytes, keys) else {
                continue;
            };
            if !self.is_about(&verified) {
                continue;
            }
            let suite = suite_of(&verified);
            match self.admissions.iter_mut().find(|one| one.suite == suite) {
                Some(known) => known.approvals.push(verified),
                None => self.admissions.push(Admission {
                    suite,
                    approvals: vec![verified],
                }),
            }
        }
    }

    /// Whether an approval is of the very package.
    fn is_about(&self, approval: &VerifiedApproval) -> bool {
        let given = approval.approval();
        let signed = self.provenance.as_ref().map(|found| found.deb().sha256);
        given.package == self.installed.package
            && given.version == self.installed.version
            && signed.or(self.index) == Some(approval.deb().sha256)
    }
}

/// The suite that an approval is for.
fn suite_of(approval: &VerifiedApproval) -> String {
    let given = approval.approval();
    let suite = Suite {
        target: given.target,
        channel: given.to.clone(),
    };
    suite.to_string()
}

/// The name of a suite; that of a dated publication ends with its own.
fn own_name(suite: &str) -> &str {
    suite.rsplit('/').next().unwrap_or(suite)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evidence::signed::signed_by;
    use crate::evidence::{Approval, Artifact, approval_statement};
    use crate::host::samples::{available, installed};
    use crate::host::verify::{Files, Verdict};
    use crate::model::{Actor, Channel, Reason, Target, Timestamp};

    const PLUGIN: &str = "demo/hello";

    fn approval(by: &str, to: &str, deb: Sha256, key: u8) -> Vec<u8> {
        let approval = Approval {
            package: installed(PLUGIN, "1.0-0+deb12u1", None).package,
            version: installed(PLUGIN, "1.0-0+deb12u1", None).version,
            target: Target::Bookworm,
            from: Channel::new("testing").unwrap(),
            to: Channel::new(to).unwrap(),
            phased: None,
            by: Actor::new(by).unwrap(),
            reason: Reason::new("it ran").unwrap(),
            at: Timestamp::from_seconds(1),
            generation: 1,
        };
        let deb = Artifact {
            name: "hello.deb".to_owned(),
            sha256: deb,
            size: 3,
        };
        let payload = approval_statement(&approval, &deb);
        signed_by(key, &payload).0
    }

    /// What comes of these approvals where the index names `named`.
    fn judged(named: &[Sha256], kept: &[Vec<u8>], required: usize) -> (Verdict, String) {
        let mut offer = available(PLUGIN, "1.0", "");
        offer.approvals = BTreeMap::from([("bookworm".to_owned(), named.to_vec())]);
        let mut found = Verification {
            index: Some(offer.sha256),
            installed: installed(PLUGIN, "1.0-0+deb12u1", Some("1.0")),
            verdict: Verdict::Verified,
            reasons: Vec::new(),
            provenance: None,
            admissions: Vec::new(),
            files: Files::default(),
        };
        let kept = Kept {
            approvals: kept
                .iter()
                .map(|one| (Sha256::of(one), one.clone()))
                .collect(),
            ..Kept::default()
        };
        found.admit(Some(&offer), &kept, &[signed_by(1, b"").1], required);
        (found.verdict, found.reasons.join("; "))
    }

    #[test]
    fn what_the_index_names_must_be_here_and_of_this_package() {
        let deb = available(PLUGIN, "1.0", "").sha256;
        let alice = approval("alice", "stable", deb, 1);
        let bob = approval("bob", "stable", deb, 1);
        let digests = [Sha256::of(&alice), Sha256::of(&bob)];
        let both = [alice.clone(), bob.clone()];
        assert_eq!(judged(&digests, &both, 2).0, Verdict::Verified);
        assert_eq!(judged(&[], &[], 0).0, Verdict::Verified);
        let (verdict, why) = judged(&digests[..1], &both, 2);
        assert_eq!(
            (verdict, why.as_str()),
            (
                Verdict::Differs,
                "approved by 1 of the 2 people that are asked for"
            )
        );
        let (verdict, why) = judged(&digests, &both[..1], 2);
        assert_eq!(verdict, Verdict::CannotTell);
        assert!(why.contains("was not kept"), "{why}");
        for (other, expected) in [
            (
                approval("alice", "stable", Sha256::of(b"y"), 1),
                Verdict::Differs,
            ),
            (approval("alice", "next", deb, 1), Verdict::Differs),
            (approval("alice", "stable", deb, 2), Verdict::CannotTell),
        ] {
            let (verdict, why) = judged(&[Sha256::of(&other)], &[other], 0);
            assert_eq!(verdict, expected, "{why}");
        }
        let again = approval("alice", "stable", deb, 1);
        let twice = [again.clone(), [again, b"\n".to_vec()].concat()];
        let digests: Vec<_> = twice.iter().map(|one| Sha256::of(one)).collect();
        assert_eq!(judged(&digests, &twice, 0).0, Verdict::Differs);
    }
}
