//! The farm as a service: its state, its workers, its API, put together.

use std::fs::TryLockError;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{App, AppError};
use crate::api::{self, Api, Load, Tenants};
use crate::evidence::Builder;
use crate::import::Origin;
use crate::listen;
use crate::notify::Notifier;
use crate::pipeline::{Farm, new_id};
use crate::queue::{Dispatcher, Forecaster, Limits, Live, Settings};
use crate::repo::Shelf;
use crate::sandbox::Cancel;
use crate::secrets::Secrets;
use crate::store::{DATABASE, Store};
use crate::upkeep::{Keep, Notices, Probe, Upkeep};
use crate::watch::{Lister, Watching};
use crate::web::{self, Web};

/// How long the asking of a repository has to end when the farm stops.
const GRACE: Duration = Duration::from_secs(5);

impl App {
    /// The farm's state, made on first use.
    pub async fn store(&self) -> Result<Store, AppError> {
        match &self.config.serve.database {
            Some(url) => Ok(Store::postgres(url).await?),
            None => Ok(Store::sqlite(&self.folder("")?.join(DATABASE)).await?),
        }
    }

    /// What takes pushes.
    pub async fn watching(&self) -> Result<Watching, AppError> {
        let store = self.store().await?;
        Ok(Watching {
            secrets: Secrets::new(store.clone(), self.vault()?),
            store,
            changed: Arc::new(Notify::new()),
            new_id,
            most_waiting: self.config.serve.limits.queued_per_partner,
        })
    }

    /// Begins to ask repositories what they have, and to tell of outcomes.
    fn exchange(
        &self,
        watching: &Watching,
        farm: &Farm,
        stop: &Cancel,
    ) -> Result<(JoinHandle<()>, JoinHandle<()>), AppError> {
        let (store, secrets) = (watching.store.clone(), watching.secrets.clone());
        let (notify, name) = (&self.config.notify, self.config.farm.clone());
        let notifier = Notifier::new(store, secrets, notify, name).map_err(AppError::listen)?;
        let lister = Lister {
            engine: farm.engine.clone(),
            images: farm.images.clone(),
            config: self.config.source.clone(),
            sources: farm.sources.clone(),
        };
        let listing = tokio::spawn(lister.run(watching.clone(), stop.clone()));
        Ok((listing, tokio::spawn(notifier.run(stop.clone()))))
    }

    /// Serves until somebody asks to stop. What runs then goes back into the queue.
    pub async fn serve(&self, listener: TcpListener, stop: Cancel) -> Result<(), AppError> {
        let alone = self.alone()?;
        let watching = self.watching().await?;
        let Watching {
            store,
            secrets,
            changed,
            ..
        } = watching.clone();
        let farm = Farm {
            builder: Builder::Farm,
            ..self.farm().await?
        };
        let serve = &self.config.serve;
        let notices = Notices::default();
        let upkeep = self.upkeep(&store, &farm, &listener, notices.clone())?;
        let live = Live::default();
        let (listing, telling) = self.exchange(&watching, &farm, &stop)?;
        let load = Arc::new(Load::new(serve.limits.clone(), serve.proxies.clone()));
        let forecast = Arc::new(Forecaster::new(Limits {
            workers: serve.workers,
        }));
        let shelf = Arc::new(Shelf::default());
        let api = Api {
            farm: self.config.farm.clone(),
            store: store.clone(),
            live: live.clone(),
            notices: notices.clone(),
            changed: Arc::clone(&changed),
            channels: self.config.repository.channels.clone(),
            builds: farm.builds.clone(),
            approvals: self.config.repository.approvals,
            repository: farm.publisher.repository.clone(),
            shelf: Arc::clone(&shelf),
            writer: farm.publisher.writer.clone(),
            new_id,
            watching: watching.clone(),
            watch: self.config.watch.clone(),
            notify: self.config.notify.clone(),
            load: Arc::clone(&load),
            forecast: Arc::clone(&forecast),
            tenants: self.tenants()?,
        };
        let web = Web {
            farm: self.config.farm.clone(),
            store: store.clone(),
            live: live.clone(),
            changed: Arc::clone(&changed),
            channels: self.config.repository.channels.clone(),
            approvals: self.config.repository.approvals,
            workers: serve.workers,
            forecast,
            builds: farm.builds.clone(),
            repository: farm.publisher.repository.clone(),
            shelf,
            writer: farm.publisher.writer.clone(),
            notices,
            engine: farm.engine.clone(),
            readers: web::readers(),
        };
        let settings = Settings {
            workers: serve.workers,
            quarantine_after: serve.quarantine_after,
            worker: self.instance()?,
        };
        // Attempts read disks and wait for signers: whoever asks the API must not wait for them.
        let builds = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.workers + 1)
            .thread_name("build")
            .enable_all()
            .build()
            .map_err(AppError::listen)?;
        let handle = builds.handle().clone();
        let dispatcher = Dispatcher::new(
            (store.clone(), secrets),
            farm,
            (live, changed),
            settings,
            handle,
        );
        let working = Arc::new(dispatcher).run(stop.clone());
        let looked_after = builds.handle().spawn(upkeep.run(stop.clone()));
        let serving = async {
            let limits = |router| api::limited(load, router);
            let router = web::with_pages(web, api::router(api), limits);
            let served = listen::serve(listener, router, &self.connections(), stop).await;
            served.map_err(AppError::listen)
        };
        let ended = tokio::try_join!(serving, async { Ok(working.await?) });
        if looked_after.await.is_err() {
            tracing::error!("what looks after the farm ended in a panic");
        }
        // What they do is written down before, or done again: nobody waits long for them.
        if tokio::time::timeout(GRACE, listing).await.is_err() {
            tracing::warn!("the asking of a repository was broken off");
        }
        telling.abort();
        // Connections may have been made by attempts: they are closed while there is still somebody to close them.
        store.close().await;
        builds.shutdown_background();
        drop(alone);
        ended.map(drop)
    }

    /// Whose tokens are taken beside the farm's own.
    fn tenants(&self) -> Result<Option<Tenants>, AppError> {
        let config = self.config.serve.wazo_auth.as_ref();
        let tenants = config.map(Tenants::new).transpose();
        tenants.map_err(AppError::listen)
    }

    /// How many may be connected.
    fn connections(&self) -> listen::Limits {
        let serve = &self.config.serve;
        listen::Limits {
            connections: serve.limits.connections,
            connections_per_address: serve.limits.connections_per_address,
            proxies: serve.proxies.clone(),
        }
    }

    /// What looks after the farm while it serves.
    fn upkeep(
        &self,
        store: &Store,
        farm: &Farm,
        listener: &TcpListener,
        notices: Notices,
    ) -> Result<Upkeep, AppError> {
        let (repository, serve) = (&self.config.repository, &self.config.serve);
        let here = || -> io::Result<String> {
            let mut address = listener.local_addr()?;
            if address.ip().is_unspecified() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            Ok(format!("http://{address}/apt"))
        };
        let url = match &repository.url {
            Some(url) => url.clone(),
            None => here().map_err(AppError::listen)?,
        };
        Ok(Upkeep {
            store: store.clone(),
            publisher: farm.publisher.clone(),
            keys: self.public_keys()?,
            snapshots: repository.snapshots,
            policy: repository.keep.clone(),
            builds: farm.builds.clone(),
            keep: Keep {
                artifacts: serve.keep_artifacts,
                logs: serve.keep_logs,
            },
            rollouts: self.config.rollouts,
            probe: Probe {
                origin: Origin::parse(&url)?,
            },
            notices,
        })
    }

    /// The right to be this farm: no other process serves from the same data folder. It lapses with the process.
    fn alone(&self) -> Result<fs_err::File, AppError> {
        let path = self.folder("")?.join("serve.lock");
        let wrong = |source| AppError::DataFolder {
            path: path.clone(),
            source,
        };
        let file = fs_err::File::create(&path).map_err(wrong)?;
        match file.file().try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(wrong(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another `plugfarm serve` uses it",
            ))),
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }
}
