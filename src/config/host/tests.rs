//! What the settings' files may say, and what comes of it.

use serde_json::Value;

use super::*;

fn read(layers: &[&str]) -> Result<HostConfig, HostConfigError> {
    let layers = layers.iter().map(|text| layer(text));
    HostConfig::new(
        layers.collect::<Result<_, _>>()?,
        HostEnvironment::default(),
    )
}

fn said(text: &str) -> String {
    read(&[text]).unwrap_err().to_string()
}

#[test]
fn the_sample_has_every_default() {
    let config = read(&[]).unwrap();
    assert_eq!(read(&[SAMPLE]).unwrap(), config);
    assert_eq!(config.listen, "127.0.0.1:9503".parse().unwrap());
    assert_eq!(config.confd.as_str(), "http://localhost:9486/1.1/");
    assert_eq!(config.log, "info");
    assert_eq!(config.market, None);
    assert_eq!(config.farm, None);
    assert_eq!(config.updates, None);
    assert_eq!(config.bus.as_ref().unwrap().exchange_name, "wazo-headers");
    let AuthConfig::Wazo(auth) = config.auth else {
        panic!("wazo-auth is asked");
    };
    assert_eq!(auth.url.as_str(), "http://localhost:9497/0.1/");
    let key = "/var/lib/wazo-auth-keys/wazo-plugind-key.yml";
    assert!(auth.credentials == Credentials::KeyFile(key.into()));
}

#[test]
fn the_first_layer_wins_and_mappings_are_merged() {
    let config = read(&[
        "rest_api: {port: 1}",
        "rest_api: {port: 2, listen: 0.0.0.0}\nbus: {host: b}",
        "rest_api: {port: 3, cors: {enabled: no}}\nhome_dir: /x",
    ])
    .unwrap();
    assert_eq!(config.listen, "0.0.0.0:1".parse().unwrap());
    assert!(!config.cors.enabled);
    assert_eq!(config.bus.unwrap().host, "b");
    assert_eq!(config.merged.0["home_dir"], "/x");
    assert_eq!(config.merged.0["rest_api"]["port"], 1);
}

#[test]
fn a_list_is_replaced_and_an_empty_file_says_nothing() {
    let config = read(&["", "# nothing\n", "rest_api: {cors: {allow_headers: [X]}}"]).unwrap();
    assert_eq!(config.cors.allow_headers, ["X"]);
}

#[test]
fn services_are_named_as_wazo_plugind_names_them() {
    let config = read(&[
        "market: {host: apps.example.org, https: true, port: 8443, version: 0.1, prefix: /m/}",
        "auth: {host: '::1', username: u, password: p}\nconfd: {version: 1.1}",
    ]);
    assert!(config.unwrap_err().to_string().starts_with("auth: "));
    let config =
        read(&["market: {host: apps.example.org, https: yes, port: 8443, version: 0.1}"]).unwrap();
    let market = config.market.unwrap();
    assert_eq!(market.as_str(), "https://apps.example.org:8443/0.1/");
    let config = read(&["auth: {username: u, password: hunter2, prefix: api/auth}"]).unwrap();
    let AuthConfig::Wazo(auth) = &config.auth else {
        panic!("wazo-auth is asked");
    };
    assert_eq!(auth.url.as_str(), "http://localhost:9497/api/auth/0.1/");
    assert!(matches!(auth.credentials, Credentials::Password { .. }));
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
}

#[test]
fn a_host_may_stand_alone() {
    let sha256 = "ab".repeat(32);
    let config = format!(
        "stand_alone: {{tokens: [{{name: me, sha256: '{}', acl: [plugind.#]}}]}}",
        sha256.to_uppercase()
    );
    let token = LocalToken {
        name: "me".to_owned(),
        sha256,
        acl: vec!["plugind.#".to_owned()],
    };
    let config = read(&[&config]).unwrap();
    assert_eq!(config.auth, AuthConfig::StandAlone(vec![token]));
}

#[test]
fn mistakes_are_named() {
    insta::assert_snapshot!(said("rest_api: {port: x}"), @r#"rest_api: invalid type: string "x", expected u16"#);
    insta::assert_snapshot!(said("rest_api: {certificate: /c.pem}"), @"rest_api.certificate: the agent speaks plain HTTP: let nginx speak TLS before it");
    insta::assert_snapshot!(said("- a"), @"it must be a mapping of settings");
    insta::assert_snapshot!(said("farm: {ulr: x}"), @"farm: unknown field `ulr`, expected one of `url`, `token_file`, `report_outcomes`");
    insta::assert_snapshot!(said("farm: {url: 'https://x/'}"), @"farm.token_file: a farm that is asked to build must know who asks");
    insta::assert_snapshot!(said("farm: {url: 'ftp://x/', token_file: /t}"), @"farm.url: it must be an http or https address");
    insta::assert_snapshot!(said("farm: {report_outcomes: true}"), @"farm.report_outcomes: there is no farm to tell: set farm.url and farm.token_file, too");
    insta::assert_snapshot!(said("auth: {key_file: null}"), @"auth: it needs a key_file, or a username and a password");
    insta::assert_snapshot!(said("auth: {https: true, verify_certificate: false}"), @"auth: certificates are always verified: name an authority's file in SSL_CERT_FILE");
    insta::assert_snapshot!(said("auth: {password: !exec {command: x}}"), @"it uses the tag `!exec`, which is not followed: write the value itself; a secret can come from a file that a setting names");
    insta::assert_snapshot!(said("log_level: loud"), @"log_level: it must be critical, error, warning, info or debug");
    insta::assert_snapshot!(said("stand_alone: {tokens: [{name: a, sha256: x, acl: []}]}"), @"stand_alone.tokens: sha256 must have 64 hexadecimal digits: printf %s TOKEN | sha256sum");
}

#[test]
fn no_file_is_large_deep_or_grows() {
    assert!(said(&"#".repeat(300 << 10)).contains("262144 bytes"));
    let deep = format!("a: {}{}", "[".repeat(60), "]".repeat(60));
    assert!(said(&deep).contains("32 levels"));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..9 {
        let last = n - 1;
        let names = vec![format!("*a{last}"); 10].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{names}]\n"));
    }
    assert!(layer(&bomb).is_err());
}

#[test]
fn secrets_are_shown_to_nobody() {
    let config = read(&[
        "auth: {username: u, password: hunter2}\nbus: {password: hunter2}\nproxy: 'http://a:hunter2@p:1/x'\nx: [{api_token: hunter2}]",
    ])
    .unwrap();
    let shown = serde_json::to_value(config.merged.masked()).unwrap();
    assert!(!shown.to_string().contains("hunter2"), "{shown}");
    assert_eq!(shown["auth"]["username"], "u");
    assert_eq!(shown["auth"]["password"], "********");
    assert_eq!(
        shown["auth"]["key_file"],
        config.merged.0["auth"]["key_file"]
    );
    assert_eq!(shown["proxy"], "http://********@p:1/x");
    assert_eq!(shown["auth"]["master_tenant_uuid"], Value::Null);
}
