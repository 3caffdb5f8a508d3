//! plugfarm: a sandboxed build farm for Wazo plugins.
//!
#![doc = include_str!("../ARCHITECTURE.md")]

pub mod api;
pub mod app;
pub mod apt;
pub mod backup;
pub mod bus;
pub mod cli;
pub mod client;
pub mod config;
pub mod deb;
pub mod dist;
pub mod evidence;
pub mod forge;
pub mod host;
pub mod http;
pub mod import;
pub mod listen;
pub mod model;
pub mod notify;
pub mod pipeline;
pub mod plugin;
pub mod queue;
pub mod repo;
pub mod sandbox;
pub mod secrets;
pub mod sign;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod upkeep;
pub mod watch;
pub mod wazo;
pub mod web;
pub mod wire;
