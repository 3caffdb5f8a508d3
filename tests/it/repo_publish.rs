//! What a publication leaves on the disk, when, and for how long.

use plugfarm::model::{Architecture, Target, Timestamp};
use plugfarm::repo::RepoError;

use crate::repo_lab::{Lab, Package, clock, files, read_strictly, suite};

#[test]
fn a_publication_is_what_apt_reads() {
    let lab = Lab::new();
    let package = Package::new("hello", "1.0.0").with(|package| {
        package.fields = vec![("X-Odd".to_owned(), "kept".to_owned())];
    });
    let publication = lab.publish(&package).unwrap();
    assert!(publication.changed && publication.generation == 1);

    let shown = |path: String| {
        let digest = |part: &&str| part.len() >= 16 && part.chars().all(|c| c.is_ascii_hexdigit());
        let parts = path.split(['/', '.']).filter(digest);
        parts.fold(path.clone(), |shown, part| {
            shown.replace(part, &format!("<{}>", part.len()))
        })
    };
    let all: Vec<_> = files(lab.root()).into_iter().map(shown).collect();
    insta::assert_snapshot!(all.join("\n"), @"
    .lock
    .state/objects/<64>
    .state/objects/<64>
    .state/objects/<64>
    .state/objects/<64>
    .state/repository.json
    .swap
    attestations/<64>.intoto.jsonl
    attestations/<64>.intoto.jsonl
    dists/bookworm/InRelease
    dists/bookworm/Release
    dists/bookworm/Release.gpg
    dists/bookworm/main/binary-all/Packages
    dists/bookworm/main/binary-all/Packages.gz
    dists/bookworm/main/binary-all/Packages.xz
    dists/bookworm/main/binary-all/by-hash/SHA256/<64>
    dists/bookworm/main/binary-all/by-hash/SHA256/<64>
    dists/bookworm/main/binary-all/by-hash/SHA256/<64>
    dists/bookworm/main/binary-amd64/Packages
    dists/bookworm/main/binary-amd64/Packages.gz
    dists/bookworm/main/binary-amd64/Packages.xz
    dists/bookworm/main/binary-amd64/by-hash/SHA256/<64>
    dists/bookworm/main/binary-amd64/by-hash/SHA256/<64>
    dists/bookworm/main/binary-amd64/by-hash/SHA256/<64>
    evidence/<64>/wazo-plugind-hello-demo_1.0.0-0-deb12u1_all.buildinfo
    evidence/<64>/wazo-plugind-hello-demo_1.0.0-0-deb12u1_all.log
    plugfarm-local-keyring-bookworm.deb
    plugfarm-local-statement.pem
    plugfarm-local.gpg
    pool/plugfarm-local-keyring/<16>/plugfarm-local-keyring_1-deb12_all.deb
    pool/wazo-plugind-hello-demo/<16>/wazo-plugind-hello-demo_1.0.0-0-deb12u1_all.deb
    ");
    let release = lab.text("dists/bookworm/Release");
    let head: Vec<_> = release
        .lines()
        .take_while(|line| !line.starts_with(' '))
        .filter(|line| {
            let signed_by = lab.keys.public().archive_fingerprint.as_str();
            line.strip_prefix("Signed-By: ") != Some(signed_by)
                && !["Date: ", "X-Plugfarm-Log: 1 "]
                    .iter()
                    .any(|name| line.starts_with(name))
        })
        .collect();
    insta::assert_snapshot!(head.join("\n"), @"
    Origin: plugfarm-local
    Label: plugfarm-local
    Suite: bookworm
    Codename: bookworm
    Architectures: all amd64
    Components: main
    Description: Wazo plugins of the farm local
    No-Support-for-Architecture-all: Packages
    Acquire-By-Hash: yes
    SHA256:
    ");
    let packages = lab.text("dists/bookworm/main/binary-amd64/Packages");
    let (_, plugin) = packages.split_once("\n\n").unwrap();
    let stable: Vec<_> = plugin
        .lines()
        .filter(|line| {
            !["SHA256", "Filename", "Size"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    insta::assert_snapshot!(stable.join("\n"), @"
    Package: wazo-plugind-hello-demo
    Version: 1.0.0-0+deb12u1
    Architecture: all
    Maintainer: A Partner <partner@example.org>
    Installed-Size: 12
    Section: wazo-plugind-plugin
    Priority: optional
    X-Odd: kept
    Description: a plugin
    ");
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn no_published_path_has_what_servers_misread() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1:1.0~rc1+git"))
        .unwrap();
    for file in files(lab.root()) {
        assert!(!file.contains(['+', '~', ':', ' ', '%']), "{file}");
    }
}

#[test]
fn a_package_for_one_architecture_is_in_its_index_alone() {
    let lab = Lab::new();
    lab.publish(&Package::new("all", "1.0")).unwrap();
    let amd64 = Package::new("native", "1.0").with(|p| p.architecture = Architecture::Amd64);
    lab.publish(&amd64).unwrap();
    let packages = |architecture: &str| {
        let text = lab.text(&format!(
            "dists/bookworm/main/binary-{architecture}/Packages"
        ));
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("Package: "));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let keyring = "plugfarm-local-keyring";
    let (all, native) = ("wazo-plugind-all-demo", "wazo-plugind-native-demo");
    assert_eq!(packages("all"), [keyring, all]);
    assert_eq!(packages("amd64"), [keyring, all, native]);
}

#[test]
fn dates_rise_by_a_second_and_never_run_far_ahead_of_the_clock() {
    let lab = Lab::new();
    let now = clock();
    let began = std::time::Instant::now();
    for minor in 0..8 {
        lab.publish_at(
            &Package::new("hello", &format!("1.{minor}"))
                .with(|p| p.commit = char::from(b'0' + minor)),
            now,
        )
        .unwrap();
    }
    let state = lab
        .repository
        .suite(&suite(Target::Bookworm))
        .unwrap()
        .unwrap();
    assert_eq!(state.date.seconds(), now.seconds() + 7);
    assert!(
        began.elapsed().as_secs() >= 3,
        "it waits for the clock, which stands still here"
    );
    let modified = fs_err::metadata(lab.path("dists/bookworm/InRelease"))
        .unwrap()
        .modified()
        .unwrap();
    let modified = modified
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(modified.cast_signed(), state.date.seconds());

    let past = Timestamp::from_seconds(now.seconds() - 3600);
    let refused = lab
        .publish_at(&Package::new("hello", "2").with(|p| p.commit = 'f'), past)
        .unwrap_err();
    assert!(
        matches!(refused, RepoError::ClockBehind { .. }),
        "{refused}"
    );
}

#[test]
fn an_index_stays_reachable_for_a_week() {
    const DAY: i64 = 24 * 3600;
    let lab = Lab::new();
    let by_hash = || files(&lab.path("dists/bookworm/main/binary-amd64/by-hash/SHA256"));
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let first = by_hash();
    assert_eq!(first.len(), 3);
    let next = |version: &str, commit: char, seconds: i64| {
        let package = Package::new("hello", version).with(|p| p.commit = commit);
        lab.publish_at(&package, lab.later(seconds)).unwrap();
    };
    next("1.1", 'b', DAY);
    next("1.2", 'c', 6 * DAY);
    assert!(first.iter().all(|name| by_hash().contains(name)));
    assert_eq!(by_hash().len(), 9);
    next("1.3", 'd', 2 * DAY);
    assert!(first.iter().all(|name| !by_hash().contains(name)));
    assert_eq!(by_hash().len(), 9);
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn valid_until_is_there_when_asked_for_and_moves_by_a_refresh() {
    let lab = Lab::with_settings(|settings| {
        settings.valid_for = Some(std::time::Duration::from_secs(7 * 24 * 3600));
    });
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let until = |lab: &Lab| {
        let text = lab.text("dists/bookworm/Release");
        let field = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            Timestamp::from_release_date(line).unwrap().seconds()
        };
        assert_eq!(field("Valid-Until: ") - field("Date: "), 7 * 24 * 3600);
        field("Valid-Until: ")
    };
    let before = until(&lab);
    let lock = lab.repository.lock().unwrap();
    let later = lab.later(3600);
    let refreshed = lab
        .repository
        .refresh(&lock, &[suite(Target::Bookworm)], later, &lab.keys)
        .unwrap();
    assert_eq!(refreshed[0].generation, 2);
    assert!(until(&lab) >= before + 3600);
}

#[test]
fn every_change_to_the_repository_is_found_by_a_check() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    lab.publish(&Package::new("hello", "1.1").with(|p| p.commit = 'b'))
        .unwrap();
    assert_eq!(lab.problems(), Vec::<String>::new());
    let not_checked = [".lock", ".swap", ".state/repository.json"];
    for file in files(lab.root()) {
        if not_checked.contains(&file.as_str()) {
            continue;
        }
        let path = lab.path(&file);
        let good = fs_err::read(&path).unwrap();
        for bad in [Some([good.as_slice(), b" "].concat()), Some(vec![]), None] {
            // Not in place, for a file may have two names.
            fs_err::remove_file(&path).unwrap();
            if let Some(bytes) = bad {
                fs_err::write(&path, bytes).unwrap();
            }
            let problems = lab.problems();
            assert!(
                problems.iter().any(|problem| problem.contains(&file)),
                "{file}: {problems:?}"
            );
        }
        fs_err::write(&path, good).unwrap();
    }
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn a_damaged_state_stops_everything_and_is_named() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let path = lab.path(".state/repository.json");
    let text = lab.text(".state/repository.json");
    for (bad, word) in [
        (
            text.replace("\"format\":2", "\"format\":3"),
            "its format is 3",
        ),
        (
            text.replace("\"target\":\"bookworm\"", "\"target\":\"trixie\""),
            "bookworm is the state of trixie",
        ),
        (text.chars().take(100).collect(), "EOF"),
    ] {
        fs_err::write(&path, bad).unwrap();
        let refused = lab
            .publish(&Package::new("other", "1.0"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains(word) && refused.contains(".state/repository.json"),
            "{refused}"
        );
    }
}

#[test]
fn a_reader_that_believes_nothing_finds_everything() {
    let lab = Lab::new();
    lab.publish(&Package::new("hello", "1.0")).unwrap();
    let keyring = &lab.keys.public().archive_keyring;
    let found = read_strictly(lab.root(), &suite(Target::Bookworm), keyring);
    assert_eq!(
        found,
        [
            "plugfarm-local-keyring 1+deb12",
            "wazo-plugind-hello-demo 1.0-0+deb12u1"
        ]
    );
}

#[test]
fn clearing_up_takes_nothing_that_was_published() {
    let lab = Lab::new();
    lab.publish(&Package::new("one", "1.0")).unwrap();
    lab.publish(&Package::new("one", "2.0")).unwrap();
    let later = lab.later(3 * 24 * 3600);
    let lock = lab.repository.lock().unwrap();
    assert_eq!(lab.repository.collect(&lock, later).unwrap(), 0);
    assert_eq!(lab.problems(), [""; 0]);
}
