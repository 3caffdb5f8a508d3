//! What the farm's state promises, tried on each database. A file per subject; each story works on plugins and builds of its
//! own.

mod attempts;
mod disk;
mod dump;
mod exchange;
mod installations;
mod pages;
mod parked;
mod people;
mod private;
mod queue;
mod sources;
mod submissions;

use super::*;
use crate::model::{
    Actor, BuildId, BuildState, Channel, CommitId, FailureCode, Namespace, PluginId, Priority,
    Scope, Sha256, Stage, Target, Timestamp,
};

#[path = "../../../tests/it/postgres.rs"]
mod postgres;

const LEASE: i64 = 30;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_769_860_800 + seconds)
}

fn id(number: u64) -> BuildId {
    let uuid =
        uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number));
    BuildId::from_uuid(uuid)
}

fn acme() -> Actor {
    Actor::new("acme").unwrap()
}

fn submission(number: u64, plugin: &str) -> Submission {
    Submission {
        id: id(number),
        partner: acme(),
        plugin: plugin.parse().unwrap(),
        url: format!("https://git.example.org/{plugin}"),
        subdirectory: String::new(),
        reference: None,
        target: Target::Bookworm,
        channel: Channel::stable(),
        priority: Priority::Normal,
        idempotency_key: None,
        actor: "token:1".to_owned(),
        most_waiting: 100,
    }
}

fn ended(build: u64, attempt: u64, state: AttemptState, next: BuildState) -> Ended {
    Ended {
        attempt: id(attempt),
        build: id(build),
        state,
        code: None,
        log: Some("log".to_owned()),
        next,
        not_before: at(0),
        result: Some("{}".to_owned()),
        artifacts: Vec::new(),
        publication: None,
        awaits: Vec::new(),
        charged: true,
    }
}

async fn begin(store: &Store, build: u64, attempt: u64) -> Begun {
    let (build, attempt) = (id(build), id(attempt));
    let begun = store.begin_attempt(&build, &attempt, "here", at(LEASE), at(0));
    begun.await.unwrap()
}

async fn state(store: &Store, build: u64) -> BuildState {
    store.build(&id(build)).await.unwrap().unwrap().state
}

async fn keeps_its_promises(store: &Store) {
    people::a_namespace_is_one_partners(store).await;
    submissions::a_plugin_comes_from_one_repository(store).await;
    submissions::the_same_key_is_the_same_build(store).await;
    submissions::a_newer_build_takes_an_older_ones_place(store).await;
    submissions::a_partner_has_so_many_builds_wait(store).await;
    submissions::lists_are_by_plugin_and_by_state(store).await;
    attempts::an_attempt_leaves_everything_or_nothing(store).await;
    attempts::what_is_not_legal_changes_nothing(store).await;
    attempts::a_dead_workers_attempt_is_lost_once(store).await;
    attempts::a_build_is_stopped_and_tried_again(store).await;
    parked::a_publication_wakes_what_waits_for_it(store).await;
    people::a_token_ends(store).await;
    sources::a_plugin_moves_only_where_that_is_said(store).await;
    sources::plugins_are_listed_piece_by_piece(store).await;
    queue::a_lock_keeps_its_first_reason(store).await;
    attempts::two_workers_never_get_one_build(store).await;
    queue::what_was_done_is_noted(store).await;
    exchange::a_watched_repository_is_asked_by_one_at_a_time(store).await;
    exchange::a_delivery_is_known_again_and_not_pushed_out_by_strangers(store).await;
    exchange::an_outcome_is_told_once_to_each_who_wants_to_hear_of_it(store).await;
    installations::a_report_counts_once_and_so_does_a_host(store).await;
    installations::whoever_reports_too_much_is_counted_no_more(store).await;
    installations::hosts_are_told_apart_only_while_it_is_needed(store).await;
    installations::a_roll_out_is_halted_once_and_its_partner_told(store).await;
    private::what_is_private_is_shown_to_its_partner_and_to_auditors(store).await;
    dump::a_dump_is_the_whole_state(store).await;
    pages::a_session_ends_with_its_token(store).await;
    pages::pages_find_what_there_is(store).await;
    pages::failures_are_counted_by_blame(store).await;
    queue::endings_say_whose_they_were_and_who_waits(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farm.sqlite");
    keeps_its_promises(&Store::sqlite(&path).await.unwrap()).await;
    // Opened again, it is as it was.
    let again = Store::sqlite(&path).await.unwrap();
    assert_eq!(state(&again, 400).await, BuildState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_its_promises() {
    let server = postgres::Postgres::start();
    keeps_its_promises(&Store::postgres(&server.url()).await.unwrap()).await;
    let again = Store::postgres(&server.url()).await.unwrap();
    assert_eq!(state(&again, 400).await, BuildState::Succeeded);
    again.close().await;
}
