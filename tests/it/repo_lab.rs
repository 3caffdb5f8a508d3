//! A repository of one's own: real keys, real packages with signed evidence that no build made, and a strict reader.

use std::cell::Cell;
use std::io::Cursor;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plugfarm::deb::Spool;
use plugfarm::deb::package::{Compression, Method, PackageSpec, assemble};
use plugfarm::deb::payload::Payload;
use plugfarm::deb::scripts::ScriptSet;
use plugfarm::evidence::{self, Artifact, PAYLOAD_TYPE, StatementKey, VerifiedStatement};
use plugfarm::model::{
    Architecture, Channel, CommitId, FarmName, PluginName, PluginVersion, Sha256, Signer, Suite,
    Target, Timestamp,
};
use plugfarm::repo::{Batch, Publication, Publishable, RepoError, Repository, Settings};
use plugfarm::sign::{Keys, verify_in_release};
use tempfile::TempDir;

use crate::facts;

pub(crate) const DAY: i64 = 24 * 3600;

/// How long old keys have been there, in days.
const OLD: i64 = 50;

/// Makes keys that have been there for long.
pub(crate) fn make_old_keys(folder: &Path) {
    let then = || Timestamp::from_seconds(clock().seconds() - OLD * DAY);
    Keys::open_or_create(folder, &FarmName::local(), then).unwrap();
}

/// The real time: apt has no other clock.
pub(crate) fn clock() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(now.as_secs().cast_signed())
}

pub(crate) fn suite(target: Target) -> Suite {
    Suite {
        target,
        channel: Channel::stable(),
    }
}

/// A package that is to be made, with everything that its evidence will say.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) n: u32,
    pub(crate) target: Target,
    pub(crate) architecture: Architecture,
    pub(crate) commit: char,
    pub(crate) content: String,
    /// What a package of the same content may differ in, such as its compression.
    pub(crate) level: u32,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) description: String,
    /// The channel that it is a preview for, and its commit's time.
    pub(crate) preview: Option<(Channel, i64)>,
}

impl Package {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            n: 1,
            target: Target::Bookworm,
            architecture: Architecture::All,
            commit: 'a',
            content: format!("{name} {version}\n"),
            level: 3,
            fields: Vec::new(),
            description: "a plugin".to_owned(),
            preview: None,
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A farm without its sandbox: keys, a repository and a workshop.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) keys: Keys,
    pub(crate) repository: Repository,
    pub(crate) now: Cell<Timestamp>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with_settings(|_| {})
    }

    pub(crate) fn with_settings(change: impl FnOnce(&mut Settings)) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), change)
    }

    /// A farm in a folder that may have its keys and its repository already.
    pub(crate) fn in_folder(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let (keys, repository) = open(folder.path(), change);
        Self {
            folder,
            keys,
            repository,
            now: Cell::new(clock()),
        }
    }

    /// A farm that has been there for long, `days` ago.
    pub(crate) fn aged(days: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_old_keys(&folder.path().join("keys"));
        let lab = Self::in_folder(folder, |_| {});
        lab.later(-days * DAY);
        lab
    }

    /// A time that is later than the last one.
    pub(crate) fn tick(&self) -> Timestamp {
        self.later(1)
    }

    pub(crate) fn later(&self, seconds: i64) -> Timestamp {
        let now = Timestamp::from_seconds(self.now.get().seconds() + seconds);
        self.now.set(now);
        now
    }

    pub(crate) fn statement_key(&self) -> StatementKey {
        StatementKey::from_pem(&self.keys.public().statement_pem).unwrap()
    }

    /// Makes the package and its evidence in the workshop; gives the path of the .deb.
    pub(crate) fn make(&self, package: &Package) -> PathBuf {
        make(&self.folder.path().join("out"), package, &self.keys)
    }

    pub(crate) fn verify(&self, deb: &Path) -> VerifiedStatement {
        let bytes = fs_err::read(deb.with_extension("intoto.jsonl")).unwrap();
        evidence::verify(&bytes, &[self.statement_key()]).unwrap()
    }

    pub(crate) fn open(&self, package: &Package) -> Result<Publishable, RepoError> {
        let deb = self.make(package);
        Publishable::open(&deb, self.verify(&deb))
    }

    pub(crate) fn publish(&self, package: &Package) -> Result<Publication, RepoError> {
        self.publish_at(package, self.tick())
    }

    pub(crate) fn publish_at(
        &self,
        package: &Package,
        now: Timestamp,
    ) -> Result<Publication, RepoError> {
        let publishable = self.open(package)?;
        self.publish_in(&suite(package.target), &[publishable], now)
    }

    pub(crate) fn publish_in(
        &self,
        suite: &Suite,
        packages: &[Publishable],
        now: Timestamp,
    ) -> Result<Publication, RepoError> {
        publish_in(&self.repository, &self.keys, suite, packages, now)
    }

    /// What `repo check` finds, which is nothing.
    pub(crate) fn problems(&self) -> Vec<String> {
        let keyring = &self.keys.public().archive_keyring;
        let at = Timestamp::from_seconds(self.now.get().seconds() + 100);
        let verify = |in_release: &[u8]| {
            verify_in_release(in_release, keyring, at).map_err(|error| error.to_string())
        };
        self.repository.check(&verify).unwrap().problems
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.root().join(key)
    }

    /// The repository's folder.
    pub(crate) fn root(&self) -> &Path {
        self.repository.folder().unwrap()
    }

    /// The keyring package of `target`, for a host's first trust.
    pub(crate) fn keyring(&self, target: Target) -> PathBuf {
        self.path(&format!("plugfarm-local-keyring-{target}.deb"))
    }

    pub(crate) fn text(&self, key: &str) -> String {
        fs_err::read_to_string(self.path(key)).unwrap()
    }
}

/// Publishes in one suite.
pub(crate) fn publish_in(
    repository: &Repository,
    signer: &dyn Signer,
    suite: &Suite,
    packages: &[Publishable],
    now: Timestamp,
) -> Result<Publication, RepoError> {
    let lock = repository.lock()?;
    let batch = Batch { suite, packages };
    let published = repository.publish(&lock, &[batch], now, signer)?;
    Ok(published.into_iter().next().unwrap())
}

/// What the repository of a farm with these keys says of itself.
pub(crate) fn settings(keys: &Keys) -> Settings {
    Settings {
        farm: FarmName::local(),
        url: None,
        channels: vec![Channel::stable()],
        approvals: 1,
        preview_time: Duration::from_secs(3600),
        valid_for: None,
        signed_by: keys.public().archive_fingerprints(),
        maintainer: "Test Farm <farm@example.org>".to_owned(),
        archive_keyring: keys.public().archive_keyring.clone(),
        statement_pem: keys.public().statement_pem.clone(),
    }
}

/// The keys and the repository in `folder`, made or found.
pub(crate) fn open(folder: &Path, change: impl FnOnce(&mut Settings)) -> (Keys, Repository) {
    let keys = Keys::open_or_create(&folder.join("keys"), &FarmName::local(), clock).unwrap();
    let mut settings = settings(&keys);
    change(&mut settings);
    let repository = Repository::new(folder.join("the repository"), settings);
    (keys, repository)
}

/// Makes a package and its evidence in `folder`; gives the path of the .deb.
pub(crate) fn make(folder: &Path, package: &Package, signer: &dyn Signer) -> PathBuf {
    fs_err::create_dir_all(folder).unwrap();
    let mut facts = facts::build();
    facts.plugin.name = PluginName::new(&package.name).unwrap();
    facts.plugin_version = PluginVersion::new(&package.version).unwrap();
    facts.version = facts.plugin_version.packaged(package.target, package.n);
    facts.target = package.target;
    facts.architecture = package.architecture;
    facts.source.commit = Some(CommitId::new(&package.commit.to_string().repeat(40)).unwrap());
    if let Some((channel, time)) = &package.preview {
        let (version, commit) = (&facts.plugin_version, facts.source.commit.as_ref());
        let time = Timestamp::from_seconds(*time);
        facts.version = version.previewed(package.target, time, commit, package.n);
        facts.preview = Some(channel.clone());
    }

    let home = facts.plugin.home();
    let (mut payload, mut spool) = (Payload::default(), Spool::new(Cursor::new(Vec::new())));
    let file = format!("{home}/content");
    payload
        .insert_file(&file, 0o644, package.content.as_bytes(), &mut spool)
        .unwrap();
    let spec = PackageSpec {
        package: facts.plugin.package(),
        version: facts.version.clone(),
        architecture: package.architecture,
        maintainer: "A Partner <partner@example.org>".to_owned(),
        depends: Vec::new(),
        section: "wazo-plugind-plugin".to_owned(),
        homepage: None,
        fields: package.fields.clone(),
        description: package.description.clone(),
        scripts: ScriptSet::default(),
        conffiles: Vec::new(),
        changes: vec!["A change.".to_owned()],
        copyright: "Anybody's.\n".to_owned(),
        time: Timestamp::from_seconds(1_769_860_800),
    };
    let compression = Compression {
        method: Method::Zstd,
        level: package.level,
        threads: NonZeroU32::MIN,
    };
    let mut deb = Cursor::new(Vec::new());
    let assembled = assemble(&spec, payload, &mut spool, compression, &mut deb).unwrap();
    facts.content = assembled.content_digest;
    write_artifacts(folder, &facts, &deb.into_inner(), signer)
}

fn write_artifacts(
    folder: &Path,
    facts: &evidence::BuildFacts,
    deb: &[u8],
    signer: &dyn Signer,
) -> PathBuf {
    let stem = facts.stem();
    let mut subjects = Vec::new();
    for (ending, bytes) in [("deb", deb), ("buildinfo", b"built\n"), ("log", b"a log\n")] {
        let name = format!("{stem}.{ending}");
        fs_err::write(folder.join(&name), bytes).unwrap();
        subjects.push(Artifact {
            name,
            sha256: Sha256::of(bytes),
            size: bytes.len() as u64,
        });
    }
    let payload = evidence::statement(facts, &subjects);
    let signatures = signer.sign_statement(PAYLOAD_TYPE, &payload).unwrap();
    let path = folder.join(format!("{stem}.deb"));
    fs_err::write(
        path.with_extension("intoto.jsonl"),
        evidence::envelope(&payload, &signatures),
    )
    .unwrap();
    path
}

/// Reads a suite as apt does, but believes nothing: `InRelease`, every index by its hash, every package. Gives the packages.
pub(crate) fn read_strictly(root: &Path, suite: &Suite, keyring: &[u8]) -> Vec<String> {
    let fetch = |key: &str| fs_err::read(root.join(key)).unwrap();
    read_strictly_from(&fetch, suite, keyring)
}

/// The same from anywhere: `fetch` gives what is at a key.
pub(crate) fn read_strictly_from(
    fetch: &dyn Fn(&str) -> Vec<u8>,
    suite: &Suite,
    keyring: &[u8],
) -> Vec<String> {
    let folder = Path::new("dists").join(suite.to_string());
    let fetch_from = |path: &Path| fetch(path.to_str().unwrap());
    let in_release = fetch_from(&folder.join("InRelease"));
    let later = Timestamp::from_seconds(clock().seconds() + 3600);
    let release = verify_in_release(&in_release, keyring, later).unwrap();
    let release = String::from_utf8(release).unwrap();
    let mut found = Vec::new();
    let listed: Vec<_> = release
        .lines()
        .filter_map(|line| line.strip_prefix(' '))
        .collect();
    assert!((6..=11).contains(&listed.len()), "{release}");
    for line in listed {
        let words: Vec<_> = line.split(' ').collect();
        if words[2].contains("/Contents-") && !words[2].ends_with(".gz") {
            continue;
        }
        let (digest, path) = (words[0], Path::new(words[2]));
        let place = folder
            .join(path.with_file_name("by-hash/SHA256"))
            .join(digest);
        let bytes = fetch_from(&place);
        assert_eq!(Sha256::of(&bytes).to_string(), digest);
        assert_eq!(bytes.len().to_string(), words[1]);
        if words[2] == "main/binary-amd64/Packages" {
            found = read_packages(fetch, &String::from_utf8(bytes).unwrap());
        }
    }
    found
}

fn read_packages(fetch: &dyn Fn(&str) -> Vec<u8>, text: &str) -> Vec<String> {
    let field = |stanza: &str, name: &str| -> String {
        let start = format!("{name}: ");
        let line = stanza.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().to_owned()
    };
    let stanzas = text.split_terminator("\n\n");
    stanzas
        .map(|stanza| {
            let bytes = fetch(&field(stanza, "Filename"));
            assert_eq!(Sha256::of(&bytes).to_string(), field(stanza, "SHA256"));
            assert_eq!(bytes.len().to_string(), field(stanza, "Size"));
            format!("{} {}", field(stanza, "Package"), field(stanza, "Version"))
        })
        .collect()
}

/// Every file below `root`, relative to it, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
