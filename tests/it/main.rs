//! The integration tests: one binary, a story per file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

// What `facts` shares with the unit tests it names by the library's own paths.
use plugfarm::{evidence, model};

mod architecture;
mod asterisk;
mod audit;
mod backup;
mod broker_lab;
mod browser;
mod channels;
mod channels_lab;
mod client;
mod client_decisions;
mod client_exchange;
mod client_trust;
mod command_line;
mod contents;
mod deb_fixture;
mod deb_lifecycle;
mod deb_memory;
mod deb_package;
mod deb_takeover;
mod dependencies;
mod doctor;
mod engine_lab;
mod entry_points;
mod evidence_independent;
#[path = "../../src/evidence/sample.rs"]
#[expect(dead_code, reason = "the stories need one build of the two")]
mod facts;
mod failures;
mod farm;
mod fault_proxy;
mod fixtures;
mod foreign_lab;
mod fuzz;
mod hooks;
mod host_api;
mod host_bus;
mod host_git;
mod host_guard;
mod host_helper;
mod host_jobs;
mod host_lab;
mod host_market;
mod host_systemd;
mod host_update;
mod host_updates;
mod host_verify;
mod host_whole;
mod interruption;
mod jobs_lab;
mod killed_decisions;
mod load;
mod notify;
mod notify_bus;
mod object_store;
mod packages;
mod pages;
mod pages_lab;
mod pages_people;
mod parking;
mod plugin_format;
mod postgres;
mod previews;
mod private;
mod publishing;
mod rebuild;
mod refresh_crash;
mod repo_admit;
mod repo_apt;
mod repo_audit;
mod repo_crash;
mod repo_host;
mod repo_import;
mod repo_import_refused;
mod repo_index;
mod repo_keyring;
mod repo_lab;
mod repo_migrate;
mod repo_mirrors;
mod repo_publish;
mod repo_s3;
mod repo_storm;
mod repo_writer;
mod retention;
mod rights;
mod rollback;
mod rotation_apt;
mod sandbox_attacks;
mod sandbox_controls;
mod sandbox_images;
mod sandbox_lab;
mod sandbox_life;
mod sandbox_limits;
mod sandbox_run;
mod service;
mod service_lab;
mod sign_adopt;
mod sign_crash;
mod sign_forecast;
mod sign_import;
mod sign_journal;
mod sign_keys;
mod sign_protect;
mod sign_rotation;
mod sign_socket;
mod snapshots;
mod source_access;
mod source_fetch;
mod source_hostile;
mod source_lab;
mod survival;
mod thread;
mod unbound;
mod upkeep;
mod wazo_lab;
mod wazo_tokens;
mod withdrawal;
