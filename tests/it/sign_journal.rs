//! What the signer signs, and what it never does: Releases that go back, packages that nothing was signed for, a journal that
//! somebody changed.

use std::path::Path;

use plugfarm::model::{
    FarmName, IndexTail, ReleaseToSign, Sha256, SignedRelease, Signer, SigningError, Timestamp,
};
use plugfarm::sign::{JournalKind, Keys};

const PATH: &str = "main/binary-all/Packages";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

fn noon() -> Timestamp {
    Timestamp::from_seconds(1_769_860_800)
}

fn open(folder: &Path) -> Keys {
    Keys::open_or_create(&folder.join("keys"), &FarmName::local(), noon).unwrap()
}

/// A paragraph of an index, about a package that is named by `name` alone.
fn paragraph(name: &str) -> String {
    let digest = Sha256::of(name.as_bytes());
    format!("Package: {name}\nVersion: 1\nArchitecture: all\nSHA256: {digest}\n\n")
}

/// Has a statement signed about that package, under a file name.
fn attest_as(signer: &dyn Signer, name: &str, file: &str) {
    let digest = Sha256::of(name.as_bytes());
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"{file}","digest":{{"sha256":"{digest}"}}}}],"predicateType":"x","predicate":{{"x":1}}}}"#
    );
    signer
        .sign_statement(PAYLOAD_TYPE, statement.as_bytes())
        .unwrap();
}

fn attest(signer: &dyn Signer, name: &str) {
    attest_as(signer, name, &format!("{name}_1_all.deb"));
}

/// A Release of generation `generation`, dated as many seconds after noon, whose index is `text`, of which the signer gets
/// what is after byte `from`.
struct Draft<'a> {
    generation: u64,
    text: &'a str,
    from: usize,
    keep: usize,
}

impl Draft<'_> {
    fn release(&self) -> String {
        let second = i64::try_from(self.generation).unwrap();
        format!(
            "Origin: plugfarm-local\nSuite: bookworm\nCodename: bookworm\nDate: {}\nSHA256:\n {} {} {PATH}\n",
            Timestamp::from_seconds(noon().seconds() + second).release_date(),
            Sha256::of(self.text.as_bytes()),
            self.text.len()
        )
    }

    fn sign(&self, signer: &dyn Signer) -> Result<SignedRelease, SigningError> {
        signer.sign_release(&ReleaseToSign {
            release: self.release().as_bytes(),
            generation: self.generation,
            indices: vec![IndexTail {
                path: PATH,
                from: self.from as u64,
                text: &self.text.as_bytes()[self.from..],
                keep: self.keep as u64,
            }],
        })
    }

    fn refusal(&self, signer: &dyn Signer) -> String {
        self.sign(signer).unwrap_err().to_string()
    }
}

/// A whole index.
fn whole(generation: u64, text: &str) -> Draft<'_> {
    Draft {
        generation,
        text,
        from: 0,
        keep: text.len(),
    }
}

#[test]
fn a_package_without_a_statement_gets_into_no_release() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path());
    let text = paragraph("a") + &paragraph("b");
    attest(&keys, "a");
    insta::assert_snapshot!(whole(1, &text).refusal(&keys), @"the signer refused: it signed no statement about b 1, whose SHA-256 is 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d (if its keys came from a backup: plugfarm key adopt)");
    assert!(
        keys.journal().unwrap().len() == 1,
        "a refusal leaves no trace"
    );
    attest(&keys, "b");
    whole(1, &text).sign(&keys).unwrap();
}

#[test]
fn a_statement_about_a_package_lets_it_in_under_no_other_name() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path());
    attest_as(&keys, "a", "b_1_all.deb");
    assert!(whole(1, &paragraph("a")).sign(&keys).is_err());
    let text = paragraph("a").replace("Package: a", "Package: b");
    whole(1, &text).sign(&keys).unwrap();
    let text = text.replace("Version: 1", "Version: 2");
    assert!(whole(2, &text).sign(&keys).is_err());
}

#[test]
fn a_tail_is_enough_where_the_text_before_is_known() {
    let home = tempfile::tempdir().unwrap();
    let first = paragraph("a") + &paragraph("b");
    let second = first.clone() + &paragraph("c");
    {
        let keys = open(home.path());
        ["a", "b", "c"].iter().for_each(|name| attest(&keys, name));
        whole(1, &first).sign(&keys).unwrap();
    }
    // What is known survives the process.
    let keys = open(home.path());
    let draft = Draft {
        from: first.len(),
        ..whole(2, &second)
    };
    draft.sign(&keys).unwrap();

    let unknown = Draft {
        from: paragraph("a").len(),
        ..whole(3, &second)
    };
    insta::assert_snapshot!(unknown.refusal(&keys), @"the signer does not know main/binary-all/Packages up to byte 114, and needs it whole");
    // The same tail after another text is not what was signed.
    let forged = second.replace("Package: a", "Package: x");
    let forged = Draft {
        from: first.len(),
        ..whole(3, &forged)
    };
    insta::assert_snapshot!(forged.refusal(&keys), @"the signer refused: the index main/binary-all/Packages is not the one that the Release lists");
    // An earlier state is still good: a publication may have been interrupted.
    let again = Draft {
        from: first.len(),
        ..whole(3, &second)
    };
    again.sign(&keys).unwrap();
}

#[test]
fn dates_and_generations_only_rise() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path());
    let signed = whole(5, "");
    signed.sign(&keys).unwrap();
    signed.sign(&keys).expect("the same again is no step back");
    for generation in [4, 5] {
        let text = paragraph("a");
        attest(&keys, "a");
        insta::allow_duplicates! {
            insta::assert_snapshot!(whole(generation, &text).refusal(&keys), @"the signer has signed generation 5 of bookworm already, dated 2026-01-31T12:00:05Z; the next one must be later");
        }
    }
    whole(6, "").sign(&keys).unwrap();
    let far = whole(40 * 24 * 3600, "").refusal(&keys);
    insta::assert_snapshot!(far, @"the signer refused: the Release is dated 2026-03-12T12:00:00Z, and it is 2026-01-31T12:00:00Z");
}

#[test]
fn each_index_comes_with_the_release_that_lists_it_and_once() {
    let home = tempfile::tempdir().unwrap();
    let keys = open(home.path());
    let draft = whole(1, "");
    let release = draft.release();
    let tail = |path| IndexTail {
        path,
        from: 0,
        text: b"",
        keep: 0,
    };
    let refusal = |indices| {
        let release = ReleaseToSign {
            release: release.as_bytes(),
            generation: 1,
            indices,
        };
        keys.sign_release(&release).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refusal(vec![]), @"the signer refused: the index main/binary-all/Packages did not come with it");
    insta::assert_snapshot!(refusal(vec![tail(PATH), tail(PATH)]), @"the signer refused: the Release does not list `main/binary-all/Packages`, or it came twice");
    insta::assert_snapshot!(refusal(vec![tail("x/Packages")]), @"the signer refused: the Release does not list `x/Packages`, or it came twice");
}

#[test]
fn a_journal_that_was_changed_stops_the_signer() {
    let home = tempfile::tempdir().unwrap();
    let journal = home.path().join("keys/journal.jsonl");
    let keys = open(home.path());
    ["a", "b", "c"].iter().for_each(|name| attest(&keys, name));
    let good = fs_err::read_to_string(&journal).unwrap();
    let lines: Vec<_> = good.lines().collect();

    let said = || {
        let opened = Keys::open_or_create(&home.path().join("keys"), &FarmName::local(), noon);
        let error = opened.map(|_| ()).unwrap_err().to_string();
        error.replace(home.path().to_str().unwrap(), "HOME")
    };
    let without = [lines[0], lines[2], ""].join("\n");
    fs_err::write(&journal, without).unwrap();
    insta::assert_snapshot!(said(), @"the signer's journal HOME/keys/journal.jsonl was changed: its entry at byte 385 does not follow the one before; nothing is signed until it is restored from your backup, together with the .index file beside it");
    fs_err::write(&journal, good.replacen("b_1_all", "x_1_all", 1)).unwrap();
    assert!(said().contains("does not follow the one before"));
    // Whoever is running notices that the end is gone.
    fs_err::write(&journal, [lines[0], lines[1], ""].join("\n")).unwrap();
    let error = keys.sign_statement(PAYLOAD_TYPE, b"{}").unwrap_err();
    assert!(matches!(error, SigningError::Refused { .. }), "{error}");
    let error = whole(1, "").refusal(&keys);
    assert!(error.contains("its end is gone"), "{error}");
    fs_err::write(&journal, good).unwrap();
    whole(1, &paragraph("b")).sign(&keys).unwrap();
}

#[test]
fn a_line_that_a_crash_cut_short_does_not_hide_the_next() {
    let home = tempfile::tempdir().unwrap();
    let journal = home.path().join("keys/journal.jsonl");
    attest(&open(home.path()), "a");
    let mut bytes = fs_err::read(&journal).unwrap();
    bytes.extend_from_slice(br#"{"previous":"#);
    fs_err::write(&journal, bytes).unwrap();
    let keys = open(home.path());
    attest(&keys, "b");
    whole(1, &(paragraph("a") + &paragraph("b")))
        .sign(&keys)
        .unwrap();
    assert_eq!(open(home.path()).journal().unwrap().len(), 3);
}

#[test]
fn many_packages_are_known_without_reading_the_whole_journal() {
    let home = tempfile::tempdir().unwrap();
    let (journal, index) = (
        home.path().join("keys/journal.jsonl"),
        home.path().join("keys/journal.index"),
    );
    let keys = open(home.path());
    let names: Vec<_> = (0..400).map(|n| format!("p{n}")).collect();
    names.iter().for_each(|name| attest(&keys, name));
    assert!(index.exists());
    let text: String = names.iter().map(|name| paragraph(name)).collect();
    let keys = open(home.path());
    whole(1, &text).sign(&keys).unwrap();
    assert_eq!(keys.journal().unwrap().len(), 401);

    // The index follows from the journal, but not the other way round.
    fs_err::write(&index, "damaged").unwrap();
    whole(2, &text).sign(&open(home.path())).unwrap();
    let entry = names.len() * 2;
    (0..entry).for_each(|_| attest(&keys, "p1"));
    fs_err::write(&journal, "").unwrap();
    let opened = Keys::open_or_create(&home.path().join("keys"), &FarmName::local(), noon);
    assert!(opened.is_err(), "a journal that starts anew is noticed");
}

#[test]
fn two_signers_on_one_folder_know_what_the_other_signed() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (open(home.path()), open(home.path()));
    attest(&one, "a");
    whole(1, &paragraph("a")).sign(&two).unwrap();
    assert!(whole(1, "").sign(&one).is_err());
    std::thread::scope(|scope| {
        for keys in [&one, &two] {
            scope.spawn(move || (0..50).for_each(|n| attest(keys, &format!("n{n}"))));
        }
    });
    assert_eq!(one.journal().unwrap().len(), 102);
}

#[test]
fn the_journal_of_the_first_version_goes_on() {
    let home = tempfile::tempdir().unwrap();
    drop(open(home.path()));
    let digest = Sha256::of(b"a");
    let old = format!(
        "{{\"date\":1,\"kind\":\"statement\",\"subjects\":[\"{digest}\"],\"sha256\":\"{digest}\"}}\n\
         {{\"date\":1,\"kind\":\"release\",\"suite\":\"bookworm\",\"release_date\":1,\"sha256\":\"{digest}\"}}\n"
    );
    let journal = home.path().join("keys/journal.jsonl");
    fs_err::write(&journal, &old).unwrap();
    let keys = open(home.path());
    whole(1, &paragraph("a")).sign(&keys).unwrap();
    let entries = keys.journal().unwrap();
    assert_eq!(entries.len(), 3);
    assert!(matches!(
        &entries[2].kind,
        JournalKind::Release { generation: 1, .. }
    ));
    // What came before the first link cannot be changed either.
    let text = fs_err::read_to_string(&journal).unwrap();
    fs_err::write(
        &journal,
        text.replacen("\"release_date\":1", "\"release_date\":0", 1),
    )
    .unwrap();
    assert!(Keys::open_or_create(&home.path().join("keys"), &FarmName::local(), noon).is_err());
}
