//! Runs apt: its output line by line, its time limited, and its end seen even where a script leaves a daemon behind that
//! keeps the output open.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::time::Instant;

use super::diagnosis::Ended;
use super::lines::Lines;
use super::processes::descendants_of_dpkg;
use crate::apt::command;

/// The most bytes of output that are kept for a diagnosis.
const MAX_KEPT: usize = 4 << 20;
/// The most lines that are kept.
const MAX_LINES: usize = 4000;
/// How long output is waited for once apt has ended: a daemon may hold the other end for ever.
const DRAIN: Duration = Duration::from_millis(300);
/// How long apt has after each time that it was asked to end.
const GRACE: Duration = Duration::from_secs(20);

/// Runs a program of apt's or dpkg's, and tells each line that it prints.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    limit: Duration,
    told: &mut (dyn FnMut(String) + Send),
) -> io::Result<Ended> {
    let (reader, writer) = io::pipe()?;
    let mut child = {
        // The command itself holds the pipe's writing end, and goes with this block.
        let mut asked = command(program);
        asked.args(arguments).process_group(0);
        asked.stdout(Stdio::from(writer.try_clone()?));
        asked.stderr(Stdio::from(writer));
        asked.spawn()?
    };
    let mut output = Output {
        pipe: Receiver::from_owned_fd(reader.into())?,
        lines: Lines::default(),
        kept: VecDeque::new(),
        size: 0,
    };
    let (status, over) = follow(&mut child, &mut output, limit, told).await?;
    output.drain(told).await?;
    Ok(Ended {
        status: status.code(),
        lines: output.kept.into(),
        refused: None,
        over_time: over.then_some(limit.as_secs()),
    })
}

/// Until the process has ended; ends it when its time is over.
async fn follow(
    child: &mut Child,
    output: &mut Output,
    limit: Duration,
    told: &mut (dyn FnMut(String) + Send),
) -> io::Result<(ExitStatus, bool)> {
    let mut deadline = Instant::now() + limit;
    let (mut times, mut open) = (0, true);
    loop {
        tokio::select! {
            status = child.wait() => return Ok((status?, times > 0)),
            more = output.read(told), if open => open = more?,
            () = tokio::time::sleep_until(deadline) => {
                end(child, times);
                times += 1;
                deadline = Instant::now() + GRACE;
            }
        }
    }
}

/// Ends what takes too long. dpkg must not be interrupted if that can be helped: so the script that it waits for goes first,
/// which dpkg takes for a failed one; only then apt is asked to end, and in the end everything is killed.
fn end(child: &Child, times: u32) {
    let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
        return;
    };
    let scripts = descendants_of_dpkg(group);
    let ended: Vec<_> = if scripts.is_empty() || times > 2 {
        let signal = if times > 2 {
            Signal::KILL
        } else {
            Signal::TERM
        };
        vec![kill_process_group(group, signal)]
    } else {
        let scripts = scripts.into_iter();
        scripts
            .map(|script| kill_process(script, Signal::KILL))
            .collect()
    };
    for error in ended.into_iter().filter_map(Result::err) {
        // Some are gone already, with what they were started by.
        tracing::debug!(%error, "a process was not ended");
    }
}

/// What a process prints.
struct Output {
    pipe: Receiver,
    lines: Lines,
    kept: VecDeque<String>,
    size: usize,
}

impl Output {
    /// Reads what is there. Gives whether there may be more.
    async fn read(&mut self, told: &mut (dyn FnMut(String) + Send)) -> io::Result<bool> {
        let mut bytes = [0; 8192];
        let count = self.pipe.read(&mut bytes).await?;
        let lines = match bytes.get(..count) {
            Some(some) if count > 0 => self.lines.push(some),
            _ => self.lines.finish().into_iter().collect(),
        };
        for line in lines {
            self.keep(line.clone());
            told(line);
        }
        Ok(count > 0)
    }

    fn keep(&mut self, line: String) {
        self.size += line.len();
        self.kept.push_back(line);
        while self.size > MAX_KEPT || self.kept.len() > MAX_LINES {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.size -= oldest.len();
        }
    }

    /// What was printed just before the end.
    async fn drain(&mut self, told: &mut (dyn FnMut(String) + Send)) -> io::Result<()> {
        while let Ok(more) = tokio::time::timeout(DRAIN, self.read(told)).await {
            if !more? {
                return Ok(());
            }
        }
        if let Some(line) = self.lines.finish() {
            self.keep(line.clone());
            told(line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, limit: Duration) -> (Ended, Vec<String>) {
        let mut told = Vec::new();
        let arguments = ["-c".to_owned(), script.to_owned()];
        let ended = run("sh", &arguments, limit, &mut |line| told.push(line)).await;
        (ended.unwrap(), told)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn both_outputs_come_in_their_order() {
        let script = "echo one; echo two >&2; printf 'three'; exit 3";
        let (ended, told) = shell(script, LONG).await;
        assert_eq!(told, ["one", "two", "three"]);
        assert_eq!(ended.lines, told);
        assert_eq!((ended.status, ended.over_time), (Some(3), None));
    }

    #[tokio::test]
    async fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
        let began = Instant::now();
        let (ended, told) = shell("sleep 15 & echo done", LONG).await;
        assert_eq!((ended.status, told), (Some(0), vec!["done".to_owned()]));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended() {
        let (ended, _) = shell("sleep 60", Duration::from_millis(200)).await;
        assert_eq!((ended.status, ended.over_time), (None, Some(0)));
    }

    #[tokio::test]
    async fn the_end_of_a_flood_is_kept() {
        let (ended, told) = shell("seq 1 20000", LONG).await;
        assert_eq!(told.len(), 20_000);
        assert_eq!(ended.lines.len(), MAX_LINES);
        assert_eq!(ended.lines.last().unwrap(), "20000");
    }
}
