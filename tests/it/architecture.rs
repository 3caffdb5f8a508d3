//! Holds the map of ARCHITECTURE.md: who may import whom, and which crates have a single user.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of `src/` and its layer. A module imports strictly lower layers only.
const LAYERS: &[(&str, u8)] = &[
    ("model", 0),
    ("config", 1),
    ("plugin", 1),
    ("deb", 1),
    ("evidence", 1),
    ("forge", 1),
    ("telemetry", 1),
    ("http", 1),
    ("wire", 1),
    ("sandbox", 2),
    ("sign", 2),
    ("repo", 2),
    ("store", 2),
    ("client", 2),
    ("dist", 2),
    ("wazo", 3),
    ("listen", 3),
    ("bus", 2),
    ("source", 3),
    ("apt", 3),
    ("import", 3),
    ("backup", 3),
    ("pipeline", 4),
    ("secrets", 4),
    ("queue", 5),
    ("upkeep", 5),
    ("watch", 5),
    ("notify", 5),
    ("api", 6),
    ("web", 6),
    ("host", 6),
    ("app", 7),
    ("cli", 8),
    ("main", 9),
];

/// Crates that exactly one place may name.
const SOLE_IMPORTERS: &[(&str, &str)] = &[
    ("bollard", "src/sandbox/"),
    ("sequoia_openpgp", "src/sign/"),
    ("aws_config", "src/repo/storage/s3/"),
    ("aws_sdk_s3", "src/repo/storage/s3/"),
    ("aws_smithy_http_client", "src/repo/storage/s3/"),
    ("hyper_rustls", "src/http/"),
    ("rustls", "src/http/"),
    ("sqlx", "src/store/"),
    ("lapin", "src/bus/"),
    ("maud", "src/web/"),
    ("tower_http", "src/api/"),
    ("clap", "src/cli/"),
    ("saphyr_parser", "src/plugin/"),
    ("tracing_subscriber", "src/telemetry.rs"),
];

/// Crates that only the modules which parse their format, or speak their protocol, may name.
const FORMAT_CRATES: &[(&str, &[&str])] = &[
    ("serde_yaml", &["src/plugin/", "src/config/"]),
    (
        "axum",
        &["src/api/", "src/web/", "src/listen/", "src/host/api/"],
    ),
    ("hyper", &["src/listen/", "src/http/"]),
    ("hyper_util", &["src/listen/", "src/http/"]),
    ("utoipa", &["src/api/", "src/wire/"]),
    ("ring::aead", &["src/sign/vault.rs"]),
    ("ring::hmac", &["src/forge/", "src/sign/vault.rs"]),
];

/// Modules that take values and return values.
const PURE: &[&str] = &["model", "plugin", "deb", "evidence", "forge", "wire"];

/// What a pure module never says.
const IMPURE: &[&str] = &[
    "async ",
    "tokio::",
    "std::fs",
    "fs_err",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "std::net",
    "std::process",
];

struct SourceFile {
    path: String,
    module: String,
    /// The text before the file's own tests, with comments taken out.
    code: String,
}

fn source_files() -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert!(files.len() > 5, "the walk found the sources");
    files
}

fn collect(folder: &Path, files: &mut Vec<SourceFile>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(read(&path));
        }
    }
}

fn read(path: &Path) -> SourceFile {
    let relative = path
        .strip_prefix(env!("CARGO_MANIFEST_DIR"))
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let module = relative.trim_start_matches("src/").trim_end_matches(".rs");
    let module = module.split('/').next().unwrap().to_owned();
    let text = fs::read_to_string(path).unwrap();
    let production = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = production
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>();
    SourceFile {
        path: relative,
        module,
        code: code.join("\n"),
    }
}

/// The modules of this crate that `code` names, by `crate::x` or (in the binaries) `plugfarm::x`.
fn imported_modules(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for prefix in ["crate::", "plugfarm::"] {
        for after in code.split(prefix).skip(1) {
            match after.strip_prefix('{') {
                Some(group) => {
                    let group = group.split("};").next().unwrap();
                    found.extend(group.split(',').filter_map(first_word));
                }
                None => found.extend(first_word(after)),
            }
        }
    }
    found
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn modules_import_strictly_lower_layers() {
    let layers: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    for file in source_files()
        .iter()
        .filter(|file| !["lib", "bin"].contains(&file.module.as_str()))
    {
        let own = *layers.get(file.module.as_str()).unwrap_or_else(|| {
            panic!(
                "{}: module `{}` has no layer; add it to the map",
                file.path, file.module
            )
        });
        for other in imported_modules(&file.code) {
            let Some(layer) = layers.get(other.as_str()) else {
                continue;
            };
            assert!(
                other == file.module || *layer < own,
                "{}: `{}` (L{own}) imports `{other}` (L{layer}); a module imports strictly lower layers",
                file.path,
                file.module,
            );
        }
    }
}

#[test]
fn crates_have_their_sole_importers() {
    let rules = SOLE_IMPORTERS
        .iter()
        .map(|(name, place)| (*name, vec![*place]));
    let rules = rules.chain(
        FORMAT_CRATES
            .iter()
            .map(|(name, places)| (*name, places.to_vec())),
    );
    let rules: Vec<_> = rules.collect();
    for file in source_files() {
        for (name, places) in &rules {
            let named = file.code.contains(&format!("{name}::"));
            let allowed = places.iter().any(|place| file.path.starts_with(place));
            assert!(
                !named || allowed,
                "{}: only {places:?} may name `{name}`",
                file.path
            );
        }
    }
}

#[test]
fn pure_modules_touch_nothing() {
    for file in source_files()
        .iter()
        .filter(|file| PURE.contains(&file.module.as_str()))
    {
        for word in IMPURE {
            assert!(
                !file.code.contains(word),
                "{}: a pure module may not say `{word}`",
                file.path
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for path in source_files().iter().map(|file| &file.path) {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        assert!(
            text.starts_with("//!"),
            "{path}: a module starts with `//!`"
        );
    }
}

#[test]
fn every_story_is_part_of_the_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            name == "main" || main.contains(&format!("mod {name};")),
            "tests/it/main.rs forgets `{name}`"
        );
    }
}
