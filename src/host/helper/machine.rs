//! Carries requests out: plan, apt, and the verdict from dpkg's states.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnosis::{Ended, Lists, diagnose, diagnose_refresh, stale};
use super::guard::{self, Plan};
use super::plan::{self, Aim, Goal};
use super::run::run;
use super::verdict::{self, Marks};
use super::wire::{Answer, Diagnosis, Refusal, RefusalCode, Report, Request, Step};
use crate::apt::{Apt, AptError, Available, Farm, Packages, machine_id};
use crate::host::evidence::Evidence;

/// Options that every run of apt has: no prompts, edited conffiles stay (dpkg(1)), no colours, and the lock is waited for.
const OPTIONS: [&str; 8] = [
    "--yes",
    "--quiet",
    "--option=Dpkg::Use-Pty=0",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    "--option=Acquire::Retries=2",
    "--option=APT::Color=0",
    // Nobody would ever remove them.
    "--option=APT::Keep-Downloaded-Packages=0",
];

/// How long one run may take, and how long it waits for apt's and dpkg's locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A run of apt, its plugins' scripts included.
    pub run: Duration,
    /// Waiting for a lock that another program holds.
    pub lock: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            run: Duration::from_secs(30 * 60),
            lock: Duration::from_secs(10 * 60),
        }
    }
}

/// Whom steps and lines are told to.
pub(super) type Told<'a> = &'a mut (dyn FnMut(Answer) + Send);

/// This machine, as the helper changes it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) apt: Apt,
    pub(super) evidence: Evidence,
    /// A folder that is root's alone, for what apt's guard needs.
    pub(super) runtime: PathBuf,
    /// The program that is run as the guard: this one.
    pub(super) program: PathBuf,
    pub(super) limits: Limits,
}

impl Machine {
    /// Carries a request out.
    pub(super) async fn carry_out(
        &self,
        request: Request,
        told: Told<'_>,
    ) -> Result<Report, Refusal> {
        match request {
            Request::Refresh => self.refresh(told).await,
            Request::Remove { plugin } => {
                let packages = self.packages().await?;
                let goal = plan::remove(&plugin, &packages)?;
                self.reach(&[goal], &packages, &[], told).await
            }
            Request::Update { plugins } => {
                let (packages, offers) = (self.packages().await?, self.offers().await?);
                let names = packages.plugins.iter().map(|one| one.package.clone());
                let policies = self.apt.policies(&names.collect::<Vec<_>>()).await;
                let policies = policies.map_err(|error| unavailable(&error))?;
                let goals = plan::update(&plugins, &packages, &offers, &policies, &machine_id())?;
                self.update(&goals, &packages, &offers, told).await
            }
            Request::Install {
                plugin,
                version,
                reinstall,
            } => {
                let (packages, mut offers) = tokio::try_join!(self.packages(), self.offers())?;
                let planned =
                    plan::install(&plugin, version.as_ref(), reinstall, &packages, &offers);
                let goal = match planned {
                    Ok(goal) => goal,
                    // What was published a moment ago is not in apt's lists yet.
                    Err(_) => {
                        let refreshed = self.refresh(told).await?;
                        offers = self.offers().await?;
                        match plan::install(
                            &plugin,
                            version.as_ref(),
                            reinstall,
                            &packages,
                            &offers,
                        ) {
                            Ok(goal) => goal,
                            Err(refusal) if refreshed.succeeded() => return Err(refusal),
                            // Whether there is such a version is not known.
                            Err(_) => return Ok(refreshed),
                        }
                    }
                };
                self.reach_with_new_lists(&[goal], &packages, &offers, told)
                    .await
            }
        }
    }

    /// Like [`Self::reach`]; once more after a refresh, if apt's lists were older than the repositories.
    async fn reach_with_new_lists(
        &self,
        goals: &[Goal],
        before: &Packages,
        offers: &[Available],
        told: Told<'_>,
    ) -> Result<Report, Refusal> {
        let report = self.reach(goals, before, offers, told).await?;
        match stale(&report.failures) {
            None => return Ok(report),
            Some(Lists::Farms) => drop(self.refresh(told).await?),
            Some(Lists::All) => self.refresh_all(told).await?,
        }
        let (before, offers) = (self.packages().await?, self.offers().await?);
        self.reach(goals, &before, &offers, told).await
    }

    /// Updates all at once; one by one, if one of them keeps apt from beginning.
    async fn update(
        &self,
        goals: &[Goal],
        packages: &Packages,
        offers: &[Available],
        told: Told<'_>,
    ) -> Result<Report, Refusal> {
        let report = self.reach_with_new_lists(goals, packages, offers, told);
        let report = report.await?;
        let work = goals.iter().filter(|goal| goal.is_work()).count();
        let begun = self.packages().await? != *packages;
        if report.succeeded() || work < 2 || begun {
            return Ok(report);
        }
        let mut all = Report::default();
        for goal in goals {
            let packages = self.packages().await?;
            let one = std::slice::from_ref(goal);
            let report = self.reach(one, &packages, offers, told).await?;
            all.plugins.extend(report.plugins);
            all.failures.extend(report.failures);
            all.unfinished = report.unfinished;
        }
        Ok(all)
    }

    /// Has apt do what the goals need, and judges by what dpkg says then.
    async fn reach(
        &self,
        goals: &[Goal],
        before: &Packages,
        offers: &[Available],
        told: Told<'_>,
    ) -> Result<Report, Refusal> {
        let work: Vec<_> = goals.iter().filter(|goal| goal.is_work()).collect();
        if work.is_empty() {
            return Ok(verdict::report(
                goals,
                before,
                before,
                &Marks::default(),
                |_| None,
            ));
        }
        told(Answer::Step {
            step: Step::Working,
        });
        let marks = Marks::take(&work);
        let kept = offers_of(&work);
        let (ended, ()) = tokio::join!(
            self.work(&work, before, offers, told),
            self.evidence.fetch(&kept)
        );
        let ended = ended.map_err(|error| unavailable(&error))?;
        let after = self.packages().await?;
        let report = verdict::report(goals, before, &after, &marks, |goal| {
            let now = after.plugin(&goal.plugin);
            let repository = match &goal.aim {
                Aim::Version { offer, .. } => Some(offer.repository.as_str()),
                Aim::Gone | Aim::Stay { .. } => None,
            };
            Some(diagnose(&goal.plugin.package(), now, repository, &ended))
        });
        self.evidence.forget(&after);
        Ok(report)
    }

    /// Runs apt for goals that are all installations, or all removals.
    async fn work(
        &self,
        work: &[&Goal],
        before: &Packages,
        offers: &[Available],
        told: Told<'_>,
    ) -> io::Result<Ended> {
        let removal = work.iter().any(|goal| goal.aim == Aim::Gone);
        let folder = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&self.runtime)?;
        let mut plan = Plan::of_offers(offers);
        if removal {
            let installed = before.plugins.iter().filter(|one| !one.state.is_gone());
            plan.remove = installed.map(|one| one.package.clone()).collect();
        }
        plan.write(folder.path())?;
        self.mend(told).await?;
        let mut arguments = if removal {
            vec!["remove".to_owned()]
        } else {
            vec!["install".to_owned(), "--no-remove".to_owned()]
        };
        let mut options: Vec<_> = work.iter().flat_map(|goal| goal.options()).collect();
        options.sort_unstable();
        options.dedup();
        arguments.extend(options.into_iter().map(str::to_owned));
        arguments.extend(guard::options(&self.program, folder.path()));
        arguments.push("--".to_owned());
        arguments.extend(work.iter().map(|goal| goal.word()));
        let mut ended = self.apt_get(arguments, told).await?;
        ended.refused = guard::refusal(folder.path());
        Ok(ended)
    }

    /// Completes what dpkg was interrupted at, without which apt does nothing. What fails there is in dpkg's states.
    async fn mend(&self, told: Told<'_>) -> io::Result<()> {
        let updates = fs_err::read_dir("/var/lib/dpkg/updates");
        if !updates.is_ok_and(|mut entries| entries.next().is_some()) {
            return Ok(());
        }
        let arguments = [
            "--force-confdef",
            "--force-confold",
            "--configure",
            "--pending",
        ];
        let arguments = arguments.map(str::to_owned);
        let mut told = |line| told(Answer::Output { line });
        let ended = run("dpkg", &arguments, self.limits.run, &mut told).await;
        ended.map(drop)
    }

    /// Runs apt-get. The locks that it does not wait for by itself are waited for here.
    async fn apt_get(&self, arguments: Vec<String>, told: Told<'_>) -> io::Result<Ended> {
        let mut all: Vec<_> = OPTIONS.map(str::to_owned).into();
        let lock = self.limits.lock.as_secs();
        all.push(format!("--option=DPkg::Lock::Timeout={lock}"));
        all.extend(arguments);
        let began = tokio::time::Instant::now();
        let mut told = |line| told(Answer::Output { line });
        loop {
            let ended = run("apt-get", &all, self.limits.run, &mut told).await?;
            if !is_locked(&ended) || began.elapsed() >= self.limits.lock {
                return Ok(ended);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Fetches the farms' indices, and leaves those of other sources as they are.
    async fn refresh(&self, told: Told<'_>) -> Result<Report, Refusal> {
        told(Answer::Step {
            step: Step::Refreshing,
        });
        let mut report = Report::default();
        for farm in &Farm::installed().map_err(|error| not_a_farm(&error))? {
            let sources = self.apt.sources(farm).await.map_err(|e| not_a_farm(&e))?;
            for source in sources {
                let failed = self.refresh_source(farm, &source, told).await;
                report
                    .failures
                    .extend(failed.map_err(|error| unavailable(&error))?);
            }
        }
        if report.succeeded() {
            self.complete_evidence().await;
        }
        Ok(report)
    }

    /// Fetches what is missing of the evidence of what is installed: packages that apt alone installed have none, and who
    /// approved one for a further channel came later.
    async fn complete_evidence(&self) {
        let (Ok(packages), Ok(offers)) = (self.packages().await, self.offers().await) else {
            return;
        };
        let there = |offer: &Available| {
            let own = packages.plugin(&offer.plugin);
            own.is_some_and(|own| own.version == offer.version && own.from_farm)
        };
        let offers: Vec<_> = offers.into_iter().filter(there).collect();
        self.evidence.fetch(&offers).await;
    }

    /// Fetches the indices of all sources. Those that cannot be had stay as they are: what comes of it is seen when apt installs.
    async fn refresh_all(&self, told: Told<'_>) -> Result<(), Refusal> {
        told(Answer::Step {
            step: Step::Refreshing,
        });
        // Somebody waits, and perhaps none of them can be reached.
        let arguments = ["update", "--option=Acquire::Retries=0"].map(str::to_owned);
        let updated = self.apt_get(arguments.into(), told).await;
        updated.map(drop).map_err(|error| unavailable(&error))
    }

    async fn refresh_source(
        &self,
        farm: &Farm,
        source: &Path,
        told: Told<'_>,
    ) -> io::Result<Option<Diagnosis>> {
        let arguments = vec![
            "update".to_owned(),
            "--error-on=any".to_owned(),
            format!("--option=Dir::Etc::SourceList={}", source.display()),
            "--option=Dir::Etc::SourceParts=-".to_owned(),
            "--option=APT::Get::List-Cleanup=0".to_owned(),
            // A cache of one source is worth nothing to the next run.
            "--option=Dir::Cache::pkgcache=".to_owned(),
            "--option=Dir::Cache::srcpkgcache=".to_owned(),
        ];
        let ended = self.apt_get(arguments, told).await?;
        if ended.status == Some(0) {
            return Ok(None);
        }
        let repository = self.repository(farm).await;
        Ok(Some(diagnose_refresh(repository.as_deref(), &ended)))
    }

    /// Where the farm's repository is, as far as apt knew before.
    async fn repository(&self, farm: &Farm) -> Option<String> {
        let offers = self.apt.available().await.ok()?;
        let own = offers.into_iter().find(|one| one.farm == farm.name);
        own.map(|one| one.repository)
    }

    async fn packages(&self) -> Result<Packages, Refusal> {
        self.apt
            .packages()
            .await
            .map_err(|error| unavailable(&error))
    }

    /// What the farms offer. A host that never fetched an index has no offers.
    async fn offers(&self) -> Result<Vec<Available>, Refusal> {
        self.apt.available().await.map_err(|error| match error {
            AptError::NotTheFarms { .. } | AptError::NoFarm => not_a_farm(&error),
            error => unavailable(&error),
        })
    }
}

fn offers_of(work: &[&Goal]) -> Vec<Available> {
    let offers = work.iter().filter_map(|goal| match &goal.aim {
        Aim::Version { offer, .. } => Some((**offer).clone()),
        Aim::Gone | Aim::Stay { .. } => None,
    });
    offers.collect()
}

/// apt waits for dpkg's lock when it is told to, and for none of its own.
fn is_locked(ended: &Ended) -> bool {
    let held = |line: &String| line.starts_with("E: Could not get lock ");
    ended.status != Some(0) && ended.lines.iter().any(held)
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    Refusal {
        code: RefusalCode::Unavailable,
        message: error.to_string(),
        hint: "look at the helper's log (journalctl -u plugfarm-host-helper)".to_owned(),
    }
}

fn not_a_farm(error: &AptError) -> Refusal {
    Refusal {
        code: RefusalCode::NoFarm,
        message: error.to_string(),
        hint: "see which farm this host is to follow, and install its keyring package again"
            .to_owned(),
    }
}
