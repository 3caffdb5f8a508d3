//! The settings of a bucket as they are written, and their check.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::S3Config;
use super::raw::{ConfigError, duration, value_error, web_address};

/// How long one request is tried again.
const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawS3 {
    bucket: String,
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    certificates: Option<PathBuf>,
    profile: Option<String>,
    #[serde(default)]
    single_writer: bool,
    timeout: Option<String>,
}

pub(super) fn check_s3(raw: RawS3) -> Result<S3Config, ConfigError> {
    let (bucket, prefix) = place(&raw.bucket)?;
    let endpoint = raw
        .endpoint
        .map(|url| web_address("repository.s3.endpoint", url));
    let endpoint = endpoint.transpose()?;
    Ok(S3Config {
        bucket,
        prefix,
        // Servers of one's own seldom have a name for each bucket.
        path_style: raw.path_style.unwrap_or(endpoint.is_some()),
        endpoint,
        region: raw.region,
        certificates: raw.certificates,
        profile: raw.profile,
        single_writer: raw.single_writer,
        timeout: duration("repository.s3.timeout", raw.timeout)?.unwrap_or(TIMEOUT),
    })
}

/// The bucket and the folder of `s3://bucket/folder`. What would have to be escaped in a path is not taken.
fn place(text: &str) -> Result<(String, String), ConfigError> {
    const RULE: &str = "it must have the form s3://bucket or s3://bucket/folder, of letters, digits, `.`, `-` and `_`";
    let plain = |part: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !part.is_empty() && !part.starts_with('.') && part.chars().all(known)
    };
    let rest = text.strip_prefix("s3://").unwrap_or_default();
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    let folder = folder.trim_end_matches('/');
    let good = plain(bucket) && (folder.is_empty() || folder.split('/').all(plain));
    if good {
        Ok((bucket.to_owned(), folder.to_owned()))
    } else {
        Err(value_error("repository.s3.bucket", RULE))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(s3: &str) -> Result<Config, String> {
        let text = format!("repository: {{url: 'https://apt.example.org', s3: {s3}}}");
        Config::parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_read() {
        let text =
            "{bucket: 's3://apt/farm/acme/', endpoint: 'https://s3.example.org', timeout: 90s}";
        let s3 = parse(text).unwrap().repository.s3.unwrap();
        assert_eq!(
            (s3.bucket.as_str(), s3.prefix.as_str()),
            ("apt", "farm/acme")
        );
        assert!(s3.path_style && !s3.single_writer);
        assert_eq!(s3.timeout.as_secs(), 90);
        let s3 = parse("{bucket: 's3://apt', region: eu-west-1}").unwrap();
        let s3 = s3.repository.s3.unwrap();
        assert!(s3.prefix.is_empty() && !s3.path_style);
    }

    #[test]
    fn mistakes_are_named() {
        for bucket in [
            "apt",
            "s3://",
            "s3://a b",
            "s3://apt//x",
            "s3://apt/../x",
            "s3://apt/a%2fb",
        ] {
            let said = parse(&format!("{{bucket: '{bucket}'}}")).unwrap_err();
            assert!(
                said.starts_with("repository.s3.bucket: "),
                "{bucket}: {said}"
            );
        }
        let said = parse("{bucket: 's3://apt', endpoint: 'https://me:secret@s3.example.org'}");
        assert!(!said.unwrap_err().contains("secret"));
        let both = "repository: {path: /srv, url: 'https://x.org', s3: {bucket: 's3://apt'}}";
        assert!(
            Config::parse(both)
                .unwrap_err()
                .to_string()
                .contains("not in both")
        );
        let lost = Config::parse("repository: {s3: {bucket: 's3://apt'}}").unwrap_err();
        assert!(lost.to_string().starts_with("repository.url: "), "{lost}");
    }
}
