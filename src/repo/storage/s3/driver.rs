//! Lets callers that are not async, on any thread, wait for what is.

use std::future::Future;
use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread that drives requests; it ends with this value.
#[derive(Debug)]
pub(super) struct Driver {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Driver {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let drive = move || drop(runtime.block_on(stopped));
        std::thread::Builder::new()
            .name("object-store".to_owned())
            .spawn(drive)?;
        Ok(Self {
            handle,
            _stop: stop,
        })
    }

    /// Waits for `future`, which goes on by itself elsewhere. `None` when it cannot end any more.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (send, receive) = mpsc::sync_channel(1);
        self.handle.spawn(async move { send.send(future.await) });
        receive.recv().ok()
    }

    /// Where tasks that nobody waits for are started.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}
