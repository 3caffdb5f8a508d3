//! What the stories of the sandbox are told with: an engine, its images, and small plugins made on the spot.

use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plugfarm::config::Limits;
use plugfarm::model::{Architecture, Target, Timestamp};
use plugfarm::sandbox::{
    Cancel, Ending, Engine, Finished, Image, ImageName, Images, LogEvent, Run, Step, Stream,
    Timings, sweep,
};

/// An engine, and a farm of its own on it.
pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) images: Images,
}

/// What became of a run.
pub(crate) struct Ran {
    pub(crate) finished: Finished,
    pub(crate) lines: Vec<(Stream, String)>,
    pub(crate) steps: Vec<Step>,
}

impl Ran {
    /// Everything that was printed.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.iter().map(|(_, line)| format!("{line}\n"));
        lines.collect()
    }

    /// What was printed to one stream.
    pub(crate) fn printed(&self, stream: Stream) -> String {
        let lines = self.lines.iter().filter(|(where_, _)| *where_ == stream);
        lines.map(|(_, line)| format!("{line}\n")).collect()
    }

    pub(crate) async fn remove(self) -> Timings {
        self.finished.remove().await.unwrap()
    }

    pub(crate) fn status(&self) -> i64 {
        match self.finished.ending {
            Ending::Exited { status } => status,
            other => panic!("{other:?}\n{}", self.text()),
        }
    }
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let engine = Engine::connect("tests", None).await.unwrap();
        // A test that failed may have left something behind.
        sweep(&engine).await.unwrap();
        let images = Images::new(&engine, scratch.to_owned(), None);
        Self { engine, images }
    }

    /// The image, made if this is its first use.
    pub(crate) async fn image(&self, name: ImageName, target: Target) -> Image {
        let mut said = Vec::new();
        let mut progress = |line: &str| said.push(line.to_owned());
        let image = self.images.ensure(name, target, &mut progress).await;
        image.unwrap_or_else(|error| panic!("{error}\n{}", said.join("\n")))
    }

    pub(crate) async fn builder(&self) -> Image {
        self.image(ImageName::Builder, Target::Bookworm).await
    }

    /// Runs a shell command under the confinement of a build.
    pub(crate) async fn shell(&self, script: &str, limits: Limits) -> Ran {
        let image = self.builder().await;
        let run = Run::sandboxed(&image).command(&["/bin/sh", "-c", script]);
        self.run(run.limits(&limits), Cancel::never()).await
    }

    /// Runs rules with these two branches, as a plugin's build would.
    pub(crate) async fn rules(&self, build: &str, package: &str) -> Ran {
        let rules = format!(
            "#!/bin/sh\ncase $1 in\nbuild)\n{build}\n;;\npackage)\n{package}\n;;\n*) exit 1;;\nesac\n"
        );
        let image = self.builder().await;
        let time = Timestamp::from_seconds(1_700_000_000);
        let source = tar(&[("wazo/rules", 0o755, &rules)]);
        let run = Run::rules(&image, source, time, Architecture::Amd64);
        self.run(run.limits(&quick()), Cancel::never()).await
    }

    pub(crate) async fn run(&self, run: Run, cancel: Cancel) -> Ran {
        let mut lines = Vec::new();
        let mut steps = Vec::new();
        let mut sink = |event: LogEvent<'_>| match event {
            LogEvent::Line { stream, text } => lines.push((stream, text.plain.to_owned())),
            LogEvent::Step(step) => steps.push(step),
        };
        let container = run.start(&self.engine).await.unwrap();
        let finished = container.wait(&mut sink, cancel).await.unwrap();
        Ran {
            finished,
            lines,
            steps,
        }
    }
}

/// Limits that no friendly run reaches, and that a test can wait for.
pub(crate) fn quick() -> Limits {
    Limits {
        total_time: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// A tar of files: path, mode, content.
pub(crate) fn tar(files: &[(&str, u32, &str)]) -> impl Read + Send + 'static {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    Cursor::new(tar.into_inner().unwrap())
}

/// The entries of a result, sorted: path, and the content of files.
pub(crate) async fn entries(finished: &mut Finished, path: &str) -> Vec<(String, String)> {
    let read = |reader: &mut dyn Read| {
        let mut archive = tar::Archive::new(reader);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect::<Vec<_>>()
    };
    let mut entries = finished.collect(path, read).await.unwrap();
    entries.sort();
    entries
}

/// What the engine's own command line says.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the engine still has a container.
pub(crate) fn exists(id: &str) -> bool {
    let inspected = Command::new("docker").args(["inspect", id]).output();
    inspected.unwrap().status.success()
}

/// Runs a shell command in a container of the engine's own defaults and `options`; its status, and what it printed.
pub(crate) fn docker_run(image: &Image, options: &[&str], script: &str) -> (i32, String) {
    let output = Command::new("docker")
        .args(["run", "--rm", "--label", "plugfarm.test=control"])
        .args(options)
        .args([&image.id, "/bin/sh", "-c", script])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Runs `attack` (a shell command that exits with 0 when it got what it wanted) as a build, and as control in a container with
/// `options`.
pub(crate) async fn fails_here_and_works_with(options: &[&str], attack: &str) {
    let lab = Lab::new().await;
    let ran = lab.shell(attack, quick()).await;
    assert_ne!(
        ran.status(),
        0,
        "the attack worked: {attack}\n{}",
        ran.text()
    );
    ran.remove().await;
    let (status, said) = docker_run(&lab.builder().await, options, attack);
    assert_eq!(
        status, 0,
        "the control fails too, so the attack shows nothing: {attack}\n{said}"
    );
}
