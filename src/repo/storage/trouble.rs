//! What may be wrong between the farm and an object store, in words that say what to do.

use crate::model::FailureCode;

/// What was tried with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To fetch it, or to ask about it.
    Read,
    /// To write it.
    Write,
    /// To write it from another one.
    Copy,
    /// To list what is there.
    List,
    /// To remove it.
    Remove,
}

impl Action {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write | Self::Copy => "write",
            Self::List => "list",
            Self::Remove => "remove",
        }
    }

    /// The permission that it needs (IAM's names, which compatible servers use too).
    fn permission(self) -> &'static str {
        match self {
            // Without the second one, a server denies what is not there.
            Self::Read => "s3:GetObject, and s3:ListBucket on the bucket",
            Self::Write => "s3:PutObject and s3:AbortMultipartUpload",
            Self::Copy => "s3:GetObject and s3:PutObject",
            Self::List => "s3:ListBucket and s3:ListBucketMultipartUploads",
            Self::Remove => "s3:DeleteObject",
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers, or the connection breaks off.
    Unreachable,
    /// The server is not who it should be.
    Tls,
    /// The answer took too long.
    Slow,
    /// The server has a fault, or more to do than it can.
    Busy,
    /// The credentials are good, and do not allow it.
    Denied,
    /// There are no credentials, or the server does not know them.
    Credentials,
    /// There is no such bucket.
    NoBucket,
    /// The bucket is in another region.
    Region,
    /// The clocks differ by more than the server takes.
    Clock,
    /// There is no room left.
    Full,
    /// Something else.
    Refused,
}

impl Trouble {
    /// Whether it may pass by itself.
    pub(super) fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::Slow | Self::Busy)
    }

    pub(super) fn words(self, action: Action) -> String {
        let words = match self {
            Self::Unreachable => "the server cannot be reached",
            Self::Tls => "the server's certificate is not trusted",
            Self::Slow => "the server did not answer in time",
            Self::Busy => "the server is not able to now",
            Self::Denied => {
                return format!("it is denied, and needs {}", action.permission());
            }
            Self::Credentials => "the credentials are missing or wrong",
            Self::NoBucket => "there is no such bucket",
            Self::Region => "the bucket is in another region",
            Self::Clock => "the clocks of this machine and of the server differ",
            Self::Full => "there is no room left",
            Self::Refused => "the server refuses it",
        };
        words.to_owned()
    }

    pub(super) fn code_and_hint(self) -> (FailureCode, &'static str) {
        match self {
            Self::Unreachable | Self::Slow | Self::Busy => (
                FailureCode::StorageUnreachable,
                "publish again later: what is published is untouched; check `repository.s3.endpoint` if it never worked",
            ),
            Self::Tls => (
                FailureCode::StorageDenied,
                "name the authority's certificate in `repository.s3.certificates`",
            ),
            Self::Denied => (
                FailureCode::StorageDenied,
                "let the farm's key do it in the bucket's policy, and publish again",
            ),
            Self::Credentials => (
                FailureCode::StorageDenied,
                "give the farm credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `repository.s3.profile`",
            ),
            Self::NoBucket => (
                FailureCode::StorageDenied,
                "make the bucket, or correct `repository.s3.bucket`",
            ),
            Self::Region => (
                FailureCode::StorageDenied,
                "set `repository.s3.region` to the bucket's",
            ),
            Self::Clock => (FailureCode::StorageError, "set this machine's clock"),
            Self::Full => (
                FailureCode::FarmDiskFull,
                "make room in the bucket, or raise its quota, and publish again; what is published is untouched",
            ),
            Self::Refused => (
                FailureCode::StorageError,
                "the server's words say why; `repository.s3` may ask for what it cannot do",
            ),
        }
    }
}
