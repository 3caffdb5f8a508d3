//! Previews of branches: for hosts that ask for them, for a while.

use std::time::Duration;

use plugfarm::model::{Channel, Target};

use crate::channels_lab::{Farm, PACKAGE, candidate, code, hello, installed, upgrade};
use crate::farm::Host;
use crate::repo_lab::Package;

/// A preview of a branch, at a commit of this time.
fn preview(version: &str, branch: &str, time: i64) -> Package {
    hello(version, Target::Bookworm).with(|package| {
        package.preview = Some((Channel::preview(branch).unwrap(), time));
        package.commit = char::from_digit(u32::try_from(time % 16).unwrap(), 16).unwrap();
        package.content = format!("{version} of {branch} at {time}\n");
    })
}

#[test]
fn a_preview_is_for_hosts_that_ask_for_it_and_goes_when_it_is_over() {
    let farm = Farm::new(", channels: [testing, stable], preview_time: 1h");
    let branch = "feature/login";
    let channel = Channel::preview(branch).unwrap();
    let suite = format!("bookworm-{channel}");
    farm.publish(&hello("1.0", Target::Bookworm), &["--channel", "stable"]);
    farm.publish(&preview("2.0", branch, 7), &["--preview", branch]);
    // The next commit has the same version in its manifest.
    farm.publish(&preview("2.0", branch, 8), &["--preview", branch]);
    let newest = "2.0~preview8.8888888-0+deb12u1";
    assert_eq!(farm.has(&suite).last().unwrap(), newest);
    assert_eq!(farm.has("bookworm"), ["1.0-0+deb12u1"]);
    for other in [&["--preview", "other"], &["--channel", "stable"]] {
        let deb = farm.make(&preview("2.0", branch, 9));
        let arguments = [&["publish", deb.to_str().unwrap(), "--json"], &other[..]].concat();
        assert_eq!(
            code(&farm.farm.run(&arguments)),
            (1, "evidence-invalid".to_owned())
        );
    }
    assert_eq!(
        farm.decide(&[
            "promote",
            PACKAGE,
            "--from",
            channel.as_str(),
            "--to",
            "stable"
        ])
        .code,
        2
    );

    let host = Host::new(&farm.farm, "bookworm");
    assert_eq!(candidate(&host), "1.0-0+deb12u1", "nobody gets it unasked");
    host.run(&format!(
        "echo 'deb [signed-by=/usr/share/keyrings/plugfarm-local.gpg] {} {suite} main' >/etc/apt/sources.list.d/preview.list
         apt-get update --error-on=any && apt-get install --yes {PACKAGE}",
        Host::REPOSITORY_URL
    ))
    .succeeds();
    assert_eq!(installed(&host), newest);
    farm.publish(&hello("2.0", Target::Bookworm), &["--channel", "stable"]);
    upgrade(&host, &farm);
    assert_eq!(installed(&host), "2.0-0+deb12u1", "the release is higher");
    farm.is_sound();

    let config = farm.farm.config();
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(
        &config,
        text.replace("preview_time: 1h", "preview_time: 1s"),
    )
    .unwrap();
    farm.farm.run(&["repo", "refresh"]).succeeds();
    assert!(
        !farm.has(&suite).is_empty(),
        "its time was set when it was published"
    );
    farm.publish(&preview("2.0", branch, 10), &["--preview", branch]);
    std::thread::sleep(Duration::from_secs(2));
    let refreshed = farm
        .farm
        .run(&["repo", "refresh", "--json"])
        .succeeds()
        .json();
    assert_eq!(refreshed["expired"], serde_json::json!([suite]));
    assert!(farm.has(&suite).is_empty());
    assert!(
        !farm
            .farm
            .repository()
            .join(format!("dists/{suite}/InRelease"))
            .exists()
    );
    assert_eq!(farm.has("bookworm").len(), 2, "nothing else goes");
    farm.is_sound();
    farm.publish(&preview("2.0", branch, 11), &["--preview", branch]);
    assert_eq!(farm.has(&suite), ["2.0~preview11.bbbbbbb-0+deb12u1"]);
    farm.is_sound();
}
