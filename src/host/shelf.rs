//! What is installed and what is offered, as apt and dpkg of this machine say it.

use std::pin::Pin;

use crate::apt::{Apt, AptError, Available, Installed};

/// What somebody waits for.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, AptError>> + Send + 'a>>;

/// Says what is installed and what is offered; [`Apt`] does.
pub trait Shelf: Send + Sync {
    /// The plugins that are installed, or that dpkg has begun to install.
    fn installed(&self) -> Asked<'_, Vec<Installed>>;

    /// Every version of every plugin that the farms offer, by package, the highest version first.
    fn available(&self) -> Asked<'_, Vec<Available>>;
}

impl Shelf for Apt {
    fn installed(&self) -> Asked<'_, Vec<Installed>> {
        Box::pin(Self::installed(self))
    }

    fn available(&self) -> Asked<'_, Vec<Available>> {
        Box::pin(async {
            match Self::available(self).await {
                // Until it follows one, there is nothing to be had.
                Err(AptError::NoFarm) => Ok(Vec::new()),
                offers => offers,
            }
        })
    }
}
