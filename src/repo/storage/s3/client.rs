//! The client of one bucket: where the server is, how long it is waited for, and who we are to it.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use super::clock::ServerClock;
use crate::config::S3Config;
use crate::repo::storage::StorageError;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a stream may bring nothing.
const STALLED: Duration = Duration::from_secs(15);
/// How often one request is tried, with growing pauses of random length.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The region that servers without regions accept.
const REGION: &str = "us-east-1";

/// Makes a client; `clock` follows its answers. Nothing is asked of the server yet, nor of whoever gives out credentials.
pub(super) async fn client(config: &S3Config, clock: ServerClock) -> Result<Client, StorageError> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls(config)?)
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_timeout(config.timeout)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE);
    let stalled = StalledStreamProtectionConfig::enabled()
        .grace_period(STALLED)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
        .stalled_stream_protection(stalled)
        // Newer kinds of checksums are not known to every server; the signature covers the bytes.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &config.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    let region = shared.region().cloned();
    let own = aws_sdk_s3::config::Builder::from(&shared)
        .region(region.unwrap_or_else(|| Region::new(REGION)))
        .force_path_style(config.path_style)
        .interceptor(clock)
        .build();
    Ok(Client::from_conf(own))
}

/// The system's authorities, and the operator's own.
fn tls(config: &S3Config) -> Result<TlsContext, StorageError> {
    let mut trust = TrustStore::default();
    if let Some(path) = &config.certificates {
        let pem = fs_err::read(path).map_err(StorageError::io("read", path))?;
        trust.add_pem_certificate(pem);
    }
    let context = TlsContext::builder().with_trust_store(trust).build();
    context.map_err(|error| StorageError::Setup {
        reason: format!("the certificates cannot be used: {error}"),
    })
}
