//! Stage `inspect`: the file tree that came back is read as a hostile stream, then judged.

use fs_err::File;

use super::attempt::Attempt;
use super::check::Checked;
use super::request::Parameters;
use super::run::{Built, Ran};
use crate::deb::Spool;
use crate::deb::inspect::{Facts, Inspection, inspect};
use crate::deb::payload::{
    BuildOutput, FolderCopy, Notes, Payload, PayloadLimits, add_folder, read_output,
};
use crate::deb::scripts::ServiceCommands;
use crate::model::{Failure, FailureCode, Severity, Stage};
use crate::plugin::Layout;
use crate::sandbox::{OUTPUT, recorded_commands};

/// A file tree that may become a package.
pub(super) struct Inspected {
    pub(super) built: Built,
    pub(super) payload: Payload,
    pub(super) spool: Spool<File>,
    /// What a plugin of the old layout called on services.
    pub(super) commands: ServiceCommands,
}

/// Reads and judges what the steps left behind.
pub(super) async fn run(
    attempt: &mut Attempt<'_>,
    parameters: &Parameters,
    ran: Ran,
) -> Result<Inspected, Failure> {
    let began = attempt.begin(Stage::Inspect)?;
    let limits = PayloadLimits {
        bytes: attempt.farm.config.limits.tree,
        file_bytes: attempt.farm.config.limits.tree,
        entries: attempt.farm.config.limits.entries,
        ..PayloadLimits::default()
    };
    let Ran {
        built,
        mut finished,
    } = ran;
    let checked = &built.checked;
    let spool = new_spool(attempt)?;
    let read_limits = limits.clone();
    let folder = OUTPUT.rsplit('/').next().unwrap_or(OUTPUT);
    let read = finished
        .collect(OUTPUT, move |reader| {
            let mut spool = spool;
            read_output(reader, folder, &mut spool, &read_limits).map(|output| (output, spool))
        })
        .await;
    finished.leave().await;
    let (output, mut spool) = read
        .map_err(|error| error.failure(Stage::Inspect))?
        .map_err(|error| error.failure())?;
    judge(attempt, parameters, &output)?;
    let commands = service_commands(&output.notes)?;
    let payload = add_metadata(checked, output.payload, &mut spool, &limits)?;
    let files = payload.files().count();
    let summary = format!("{files} files, {}", bytesize::ByteSize::b(payload.bytes()));
    attempt.end(Stage::Inspect, began, &summary);
    Ok(Inspected {
        built,
        payload,
        spool,
        commands,
    })
}

fn new_spool(attempt: &Attempt<'_>) -> Result<Spool<File>, Failure> {
    let file = tempfile::tempfile_in(&attempt.folder).map_err(Attempt::storage(
        Stage::Inspect,
        "the spool of the file tree",
    ))?;
    Ok(Spool::new(File::from_parts(
        file,
        attempt.folder.join("spool"),
    )))
}

fn judge(
    attempt: &mut Attempt<'_>,
    parameters: &Parameters,
    output: &BuildOutput,
) -> Result<(), Failure> {
    let trouble: Vec<_> = attempt.log.trouble().cloned().collect();
    let facts = Facts::parse(output.notes.facts.as_deref().unwrap_or_default());
    let findings = inspect(&Inspection {
        payload: &output.payload,
        target: parameters.target,
        facts: &facts,
        log: &trouble,
    });
    let refused = findings
        .iter()
        .any(|finding| finding.severity == Severity::Refuse);
    let code = if refused {
        FailureCode::OutputUnsafe
    } else {
        FailureCode::PayloadHeld
    };
    attempt
        .judge(Stage::Inspect, code, findings, &parameters.allow)
        .map_err(|mut failure| {
            failure.lines = trouble;
            failure
        })
}

/// What a plugin of the old layout called on services, as the stubs recorded it.
fn service_commands(notes: &Notes) -> Result<ServiceCommands, Failure> {
    let refused = |message: String| {
        let hint = "call only asterisk, systemctl, service and wazo-* in the Makefile's targets";
        Failure::new(Stage::Inspect, FailureCode::OutputUnsafe, message, hint)
    };
    let read = |record: &Option<Vec<u8>>| {
        recorded_commands(record.as_deref().unwrap_or_default())
            .ok_or_else(|| refused("the record of service commands was tampered with".to_owned()))
    };
    let (install, uninstall) = (
        read(&notes.install_commands)?,
        read(&notes.uninstall_commands)?,
    );
    ServiceCommands::new(install, uninstall).map_err(|error| refused(error.to_string()))
}

/// Adds what tells a host that this package is a plugin: the `wazo` folder as it is in the source, or, for the old layout,
/// a manifest that says the same as `package.yml`.
fn add_metadata(
    checked: &Checked,
    mut payload: Payload,
    spool: &mut Spool<File>,
    limits: &PayloadLimits,
) -> Result<Payload, Failure> {
    let manifest = &checked.plugin.manifest;
    let home = format!("{}/wazo", manifest.id.home());
    match checked.plugin.layout {
        Layout::Standard => {
            let source = fs_err::File::open(&checked.source().tar)
                .map_err(Attempt::storage(Stage::Inspect, "the source"))?;
            let copy = FolderCopy {
                from: "wazo",
                to: &home,
            };
            add_folder(
                payload,
                std::io::BufReader::new(source),
                copy,
                spool,
                limits,
            )
            .map_err(|error| error.failure())
        }
        Layout::Legacy => {
            let text = serde_json::json!({
                "name": manifest.id.name,
                "namespace": manifest.id.namespace,
                "version": manifest.version,
                "description": manifest.description,
            });
            // JSON is YAML; the farm's own files have no other need of a YAML writer.
            let text = format!("{text:#}\n");
            payload
                .insert_file(&format!("{home}/plugin.yml"), 0o644, text.as_bytes(), spool)
                .map_err(|error| error.failure())?;
            tracing::debug!("wrote a manifest for the old layout");
            Ok(payload)
        }
    }
}
