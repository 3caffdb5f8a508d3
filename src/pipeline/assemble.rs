//! Stage `assemble`: the payload becomes a .deb, whose every control field and script is the farm's own.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::attempt::Attempt;
use super::inspect::Inspected;
use super::request::Parameters;
use super::run::Built;
use super::version;
use crate::deb::control::description;
use crate::deb::package::{
    Compression, Copyright, PLUGIN_SECTION, PackageSpec, architecture, assemble as write_package,
    conffiles, content_digest, copyright,
};
use crate::deb::scripts::{Hooks, PluginScripts, ScriptSet, WazoVersions, for_plugin};
use crate::evidence::{Artifact, PayloadFile};
use crate::model::{Architecture, CommitId, DebianVersion, Failure, FailureCode, Sha256, Stage};
use crate::plugin::{Layout, Manifest, WazoVersion};

/// A package, and everything that its evidence says about it.
pub(super) struct Assembled {
    pub(super) built: Built,
    pub(super) version: DebianVersion,
    pub(super) architecture: Architecture,
    pub(super) depends: Vec<String>,
    pub(super) content: Sha256,
    pub(super) files: Vec<PayloadFile>,
    pub(super) deb: Artifact,
    /// Where the package is.
    pub(super) path: PathBuf,
}

/// Writes the package. Without a version that it must have, what is published of the plugin decides.
pub(super) fn run(
    attempt: &mut Attempt<'_>,
    parameters: &Parameters,
    inspected: Inspected,
    version: Option<&DebianVersion>,
) -> Result<Assembled, Failure> {
    let began = attempt.begin(Stage::Assemble)?;
    let Inspected {
        built,
        payload,
        mut spool,
        commands,
    } = inspected;
    let manifest = &built.checked.plugin.manifest;
    let not_conffiles: BTreeSet<_> = manifest.not_conffiles.iter().cloned().collect();
    let conffiles = conffiles(&payload, &not_conffiles);
    let hooks = match built.checked.plugin.layout {
        Layout::Standard => Hooks::Rules {
            postrm: manifest.has_postrm(),
        },
        Layout::Legacy => Hooks::Commands(commands),
    };
    let scripts = for_plugin(&PluginScripts {
        plugin: &manifest.id,
        conffiles: &conffiles,
        wazo: &wazo_versions(manifest),
        hooks: &hooks,
    });
    let mut spec = specify(attempt, &built, scripts, conffiles);
    spec.architecture = architecture(&payload);
    let content = content_digest(&spec, &payload).map_err(|error| unwritable(&error))?;
    spec.version = match version {
        Some(version) => version.clone(),
        None => version::choose(attempt, &built, content, parameters.preview.is_some())?,
    };

    let stem = format!(
        "{}_{}_{}",
        spec.package,
        spec.version.without_epoch(),
        spec.architecture
    );
    let path = attempt.folder.join(format!("{stem}.deb"));
    let storage = || Attempt::storage(Stage::Assemble, "the package");
    let mut out = fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(storage())?;
    let files = payload_files(&payload);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = u32::try_from(threads)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN);
    let compression = Compression::for_payload(payload.bytes(), threads);
    let written = write_package(&spec, payload, &mut spool, compression, &mut out)
        .map_err(|error| unwritable(&error))?;
    out.sync_all().map_err(storage())?;
    let deb = Artifact {
        name: format!("{stem}.deb"),
        sha256: written.sha256,
        size: written.size,
    };
    attempt.report.version = Some(spec.version.to_string());
    let summary = format!("{} ({})", deb.name, bytesize::ByteSize::b(deb.size));
    attempt.end(Stage::Assemble, began, &summary);
    let PackageSpec {
        version,
        architecture,
        depends,
        ..
    } = spec;
    Ok(Assembled {
        built,
        version,
        architecture,
        depends,
        content,
        files,
        deb,
        path,
    })
}

/// Everything that the package says about itself but its version and architecture, which the payload decides.
fn specify(
    attempt: &Attempt<'_>,
    built: &Built,
    scripts: ScriptSet,
    conffiles: Vec<String>,
) -> PackageSpec {
    let manifest = &built.checked.plugin.manifest;
    let source = built.checked.source();
    let homepage = manifest.homepage.as_ref().map(ToString::to_string);
    PackageSpec {
        package: manifest.id.package(),
        version: manifest.version.packaged(attempt.report.target, 1),
        architecture: Architecture::All,
        maintainer: attempt.farm.config.maintainer.clone(),
        depends: depends(manifest),
        section: PLUGIN_SECTION.to_owned(),
        homepage: homepage.clone(),
        fields: fields(manifest),
        description: describe(manifest),
        scripts,
        conffiles,
        changes: vec![origin(source.commit.as_ref())],
        copyright: copyright(&Copyright {
            name: manifest.id.to_string(),
            source: homepage,
            author: manifest.author.clone(),
            license: manifest.license.clone(),
        }),
        time: source.commit_time,
    }
}

/// What hosts read of the manifest before they have the package: its version, its limits, and what a market shows.
fn fields(manifest: &Manifest) -> Vec<(String, String)> {
    let version = |version: &Option<WazoVersion>| version.as_ref().map(ToString::to_string);
    let fields = [
        ("Wazo-Plugin", Some(manifest.id.to_string())),
        ("Wazo-Plugin-Version", Some(manifest.version.to_string())),
        ("Wazo-Min-Version", version(&manifest.min_wazo_version)),
        ("Wazo-Max-Version", version(&manifest.max_wazo_version)),
        ("Wazo-Display-Name", manifest.display_name.clone()),
        ("Wazo-Author", manifest.author.clone()),
        ("Wazo-License", manifest.license.clone()),
        ("Wazo-Tags", tags(manifest)),
    ];
    let given = fields.into_iter();
    given
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|text| !text.is_empty())?)))
        .collect()
}

/// The manifest's tags, with commas between them. A tag that is no word or few words is left out.
fn tags(manifest: &Manifest) -> Option<String> {
    const MOST: usize = 20;
    let tags = manifest.unknown.get("tags")?.as_array()?.iter();
    let plain = |tag: &&str| {
        let good = |c: char| !c.is_control() && c != ',';
        (1..=50).contains(&tag.trim().len()) && tag.chars().all(good)
    };
    let tags: Vec<_> = tags
        .filter_map(serde_json::Value::as_str)
        .filter(plain)
        .map(str::trim)
        .take(MOST)
        .collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

/// What the changelog says. It names the commit alone, so that one commit gives one package wherever it was fetched from.
fn origin(commit: Option<&CommitId>) -> String {
    match commit {
        Some(commit) => format!("Built from commit {commit}."),
        None => "Built from a folder that no commit holds.".to_owned(),
    }
}

fn describe(manifest: &Manifest) -> String {
    let fallback = format!("Wazo plugin {}", manifest.id);
    let text = manifest.description.as_deref().unwrap_or(&fallback);
    let (synopsis, rest) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    let rest = format!(
        "{rest}\n\nThe Wazo plugin {}, built by plugfarm.",
        manifest.id
    );
    description(synopsis.trim_end_matches('.'), rest.trim())
}

/// Debian packages as the manifest asks for them, then the packages of other plugins.
fn depends(manifest: &Manifest) -> Vec<String> {
    let debian = manifest.debian_depends.iter().map(ToString::to_string);
    debian
        .chain(manifest.depends.iter().map(|plugin| plugin.package()))
        .collect()
}

fn wazo_versions(manifest: &Manifest) -> WazoVersions {
    // Numbers with points between them: what is a Wazo version is a Debian version too.
    let debian = |version: &Option<WazoVersion>| {
        version
            .as_ref()
            .and_then(|version| DebianVersion::new(version.as_str()).ok())
    };
    WazoVersions {
        min: debian(&manifest.min_wazo_version),
        max: debian(&manifest.max_wazo_version),
    }
}

fn payload_files(payload: &crate::deb::payload::Payload) -> Vec<PayloadFile> {
    let files = payload.files();
    files
        .map(|(path, file)| PayloadFile {
            path: path.to_owned(),
            sha256: file.content.sha256,
        })
        .collect()
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    let cause = error
        .source()
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    let hint = "try again; if it stays, this is a defect of plugfarm worth reporting";
    Failure::new(
        Stage::Assemble,
        FailureCode::StorageError,
        format!("{error}{cause}"),
        hint,
    )
}
