//! What a server's refusal, or its silence, means.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::repo::storage::{Action, StorageError, Trouble};

/// The most characters of a server's own words that a message repeats.
const MAX_SAID: usize = 300;

/// The error that says what `error` means for `action` on `place`.
pub(super) fn trouble<E>(
    action: Action,
    place: String,
    error: &SdkError<E, HttpResponse>,
) -> StorageError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    StorageError::Service {
        action,
        place,
        trouble: classify(error),
        said: said(error),
    }
}

/// The HTTP status of the server's answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

fn classify<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Trouble::Slow,
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            meaning(status(error).unwrap_or_default(), error.code())
        }
        SdkError::DispatchFailure(failure) => {
            let chain = chain(error).to_lowercase();
            if chain.contains("credential") {
                Trouble::Credentials
            } else if chain.contains("certificate") || chain.contains("handshake") {
                Trouble::Tls
            } else if failure.is_timeout() && !chain.contains("connect") {
                Trouble::Slow
            } else {
                Trouble::Unreachable
            }
        }
        _ if chain(error).to_lowercase().contains("credential") => Trouble::Credentials,
        _ => Trouble::Refused,
    }
}

/// What a status and an error code mean (Amazon S3 API reference, "Error responses", and what compatible servers add).
fn meaning(status: u16, code: Option<&str>) -> Trouble {
    match code.unwrap_or_default() {
        "NoSuchBucket" => Trouble::NoBucket,
        "RequestTimeTooSkewed" | "RequestExpired" => Trouble::Clock,
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken" => {
            Trouble::Credentials
        }
        "QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull" => Trouble::Full,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => Trouble::Region,
        "RequestTimeout" => Trouble::Slow,
        "SlowDown" => Trouble::Busy,
        _ => match status {
            403 => Trouble::Denied,
            507 => Trouble::Full,
            301 | 307 => Trouble::Region,
            429 | 500..=599 => Trouble::Busy,
            _ => Trouble::Refused,
        },
    }
}

/// The server's own words, or else those of whoever could not reach it. Never more than the error's own code and message: an
/// answer's body may repeat what was signed.
fn said<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = status(error).map(|status| format!("status {status}"));
    let own = [
        status,
        error.code().map(str::to_owned),
        error.message().map(str::to_owned),
    ];
    let own: Vec<_> = own.into_iter().flatten().collect();
    let text = if own.is_empty() {
        chain(error)
    } else {
        own.join(", ")
    };
    let plain = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_SAID);
    plain.collect()
}

/// What an error says, and what it was caused by.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        cause = error.source();
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_understood() {
        for (status, code, expected) in [
            (404, Some("NoSuchBucket"), Trouble::NoBucket),
            (403, Some("RequestTimeTooSkewed"), Trouble::Clock),
            (403, Some("InvalidAccessKeyId"), Trouble::Credentials),
            (403, Some("AccessDenied"), Trouble::Denied),
            (403, None, Trouble::Denied),
            (507, None, Trouble::Full),
            (400, Some("QuotaExceeded"), Trouble::Full),
            (301, Some("PermanentRedirect"), Trouble::Region),
            (503, Some("SlowDown"), Trouble::Busy),
            (500, Some("InternalError"), Trouble::Busy),
            (400, Some("InvalidRequest"), Trouble::Refused),
        ] {
            assert_eq!(meaning(status, code), expected, "{status} {code:?}");
        }
    }
}
