//! What becomes of folders: of clean work trees, dirty ones, and those that somebody prepared.

use std::fs::Permissions;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::model::FailureCode;

struct Desk {
    data: TempDir,
    folder: TempDir,
}

impl Desk {
    /// A folder with a plugin in it.
    fn new() -> Self {
        let desk = Self {
            data: TempDir::new().unwrap(),
            folder: TempDir::new().unwrap(),
        };
        desk.write("wazo/plugin.yml", "name: hello\n");
        desk.write("wazo/rules", "#!/bin/sh\n");
        fs::set_permissions(desk.path("wazo/rules"), Permissions::from_mode(0o764)).unwrap();
        desk
    }

    /// The same as the root of a repository, committed.
    fn repository() -> Self {
        let desk = Self::new();
        desk.git(&["init", "-q", "-b", "main"]);
        desk.commit();
        desk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@b"])
            .args(arguments)
            .env("GIT_COMMITTER_DATE", "1700000000 +0000")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    fn take(&self, subdirectory: Option<&str>) -> Result<Source, Failure> {
        let subdirectory = subdirectory.map(|path| Subdirectory::new(path).unwrap());
        let store = Store::open(self.data.path()).unwrap();
        from_folder(
            self.folder.path(),
            None,
            subdirectory.as_ref(),
            &limits(),
            &store,
        )
    }

    fn refusal(&self) -> (FailureCode, String) {
        let failure = self.take(None).unwrap_err();
        (failure.code, failure.message)
    }
}

fn limits() -> SourceLimits {
    SourceLimits {
        size: 1000,
        entries: 10,
        ..SourceLimits::default()
    }
}

fn entries(source: &Source) -> Vec<String> {
    let mut archive = tar::Archive::new(fs::File::open(&source.tar).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        format!(
            "{:o} {} {}",
            header.mode().unwrap(),
            header.mtime().unwrap(),
            entry.path().unwrap().display()
        )
    });
    entries.collect()
}

#[test]
fn a_folder_is_taken_as_it_is() {
    let desk = Desk::new();
    desk.write(".git/config", "[core]\n\tfsmonitor = touch /tmp/owned\n");
    let source = desk.take(None).unwrap();
    assert_eq!(source.commit, None);
    assert!(!source.pinned);
    let time = source.commit_time.seconds();
    assert_eq!(
        entries(&source),
        [
            format!("755 {time} wazo/"),
            format!("644 {time} wazo/plugin.yml"),
            format!("755 {time} wazo/rules"),
        ]
    );
    assert!(
        source.url_display.starts_with("file:"),
        "{}",
        source.url_display
    );
    assert!(!source.url_display.contains('/'), "{}", source.url_display);
}

#[test]
fn a_clean_work_tree_is_its_commit() {
    let desk = Desk::repository();
    let source = desk.take(None).unwrap();
    assert!(source.commit.is_some());
    assert_eq!(source.commit_time.seconds(), 1_700_000_000);
    assert!(source.pinned);
}

#[test]
fn whatever_differs_from_the_commit_unpins() {
    let changes: [fn(&Desk); 5] = [
        |desk| desk.write("wazo/plugin.yml", "name: other\n"),
        |desk| desk.write("new", ""),
        |desk| fs::remove_file(desk.path("wazo/plugin.yml")).unwrap(),
        |desk| fs::set_permissions(desk.path("wazo/rules"), Permissions::from_mode(0o644)).unwrap(),
        |desk| {
            desk.write(".gitignore", "ignored\n");
            desk.commit();
            desk.write("ignored", "and built all the same");
        },
    ];
    for change in changes {
        let desk = Desk::repository();
        change(&desk);
        let source = desk.take(None).unwrap();
        assert!(!source.pinned);
        assert!(source.commit.is_some());
        assert_eq!(source.commit_time.seconds(), 1_700_000_000);
    }
}

#[test]
fn attributes_change_no_byte() {
    let desk = Desk::new();
    desk.write("crlf", "a\r\nb\r\n");
    desk.git(&["init", "-q"]);
    desk.commit();
    desk.write(
        ".gitattributes",
        "* text eol=lf filter=evil ident export-ignore\n",
    );
    desk.git(&["config", "filter.evil.clean", "touch owned; cat"]);
    desk.git(&["add", ".gitattributes"]);
    desk.git(&["commit", "-q", "-m", "y"]);
    fs::remove_file(desk.path("owned")).unwrap();
    desk.write("crlf", "a\r\nb\r\n");
    assert!(desk.take(None).unwrap().pinned);
    assert!(!desk.path("owned").exists(), "no filter was run");
}

#[test]
fn a_git_folder_from_elsewhere_runs_nothing() {
    let desk = Desk::repository();
    let owned = desk.data.path().join("owned");
    let program = format!("touch {} #", owned.display());
    for (name, value) in [
        ("core.fsmonitor", program.as_str()),
        ("core.sshCommand", &program),
        ("core.pager", &program),
        ("core.askPass", &program),
        ("core.gitProxy", &program),
        ("core.alternateRefsCommand", &program),
        ("diff.external", &program),
        ("credential.helper", &format!("!{program}")),
        ("alias.ls-tree", &format!("!{program}")),
        ("extensions.partialClone", "evil"),
        ("remote.evil.promisor", "true"),
        ("remote.evil.url", &format!("ext::{program}")),
        ("remote.evil.uploadpack", &program),
        ("protocol.allow", "always"),
        ("core.repositoryFormatVersion", "1"),
    ] {
        desk.git(&["config", name, value]);
    }
    let hash = Command::new("git")
        .args(["hash-object", "wazo/plugin.yml"])
        .current_dir(desk.folder.path())
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let (folder, file) = hash.trim_end().split_at(2);
    fs::remove_file(desk.path(&format!(".git/objects/{folder}/{file}"))).unwrap();
    let source = desk.take(None).unwrap();
    assert!(!source.pinned, "an object is missing");
    assert!(!owned.exists(), "and nothing was run to fetch it");
}

#[test]
fn a_subdirectory_becomes_the_root() {
    let desk = Desk::new();
    desk.write("plugins/é 🎉/wazo/plugin.yml", "x");
    desk.git(&["init", "-q"]);
    desk.commit();
    let source = desk.take(Some("plugins/é 🎉")).unwrap();
    let time = source.commit_time.seconds();
    assert_eq!(
        entries(&source),
        [
            format!("755 {time} wazo/"),
            format!("644 {time} wazo/plugin.yml")
        ]
    );
    assert!(source.pinned);
}

#[test]
fn a_subdirectory_is_no_link() {
    let desk = Desk::new();
    symlink("/etc", desk.path("elsewhere")).unwrap();
    symlink("wazo", desk.path("inside")).unwrap();
    for path in ["elsewhere", "inside", "missing", "wazo/rules"] {
        let failure = desk.take(Some(path)).unwrap_err();
        assert_eq!(failure.code, FailureCode::SourceInvalid, "{path}");
    }
}

#[test]
fn a_ref_of_a_folder_is_not_overlooked() {
    let desk = Desk::repository();
    let store = Store::open(desk.data.path()).unwrap();
    let main = RequestedRef::new("main").unwrap();
    let failure = from_folder(desk.folder.path(), Some(&main), None, &limits(), &store);
    assert_eq!(failure.unwrap_err().code, FailureCode::PolicyRejected);
}

#[test]
fn special_files_and_strange_names_are_refused() {
    let desk = Desk::new();
    let done = Command::new("mkfifo")
        .arg(desk.path("pipe"))
        .status()
        .unwrap();
    assert!(done.success());
    insta::assert_snapshot!(desk.refusal().1, @"`pipe` cannot be in a source: it is no file, folder or symbolic link");
    fs::remove_file(desk.path("pipe")).unwrap();
    desk.write("a\nb", "");
    insta::assert_snapshot!(desk.refusal().1, @r"`a\nb` cannot be in a source: a path has no control characters, no `.`, `..` and `.git`, at most 64 parts, and 255 bytes in each");
    fs::remove_file(desk.path("a\nb")).unwrap();
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff");
    fs::write(desk.folder.path().join(name), "").unwrap();
    assert_eq!(desk.refusal().0, FailureCode::SourceInvalid);
}

#[test]
fn too_much_is_refused() {
    let desk = Desk::new();
    desk.write("large", &"x".repeat(1000));
    insta::assert_snapshot!(desk.refusal().1, @"the files of the source have more than 1000 bytes together");
    let desk = Desk::new();
    for number in 0..9 {
        desk.write(&number.to_string(), "");
    }
    insta::assert_snapshot!(desk.refusal().1, @"the source has more than 10 files and folders");
    assert_eq!(desk.refusal().0, FailureCode::SourceTooLarge);
}
