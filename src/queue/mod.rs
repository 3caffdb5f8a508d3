//! What runs next and why a build waits, and the workers that run it.
//!
//! [`decide`] is one pure function over what the store holds; the dispatcher asks it. Whoever wants to know why a build waits
//! gets a [`Forecast`], which goes on by the same rules. A build's next state is written before anything is done about it:
//! whatever kills the farm, its next start finds the attempt, gives it up, and the build goes on.

mod cycle;
mod decide;
mod dispatch;
mod durations;
mod faults;
mod forecast;
mod forecaster;
mod live;
mod parking;
mod record;
mod report;
mod retry;
mod selfcheck;
#[cfg(test)]
mod tests;

pub use decide::{Limits, decide};
pub use dispatch::{Dispatcher, MEMORY, Settings};
pub use forecast::{Forecast, Wait, Why};
pub use forecaster::{Forecaster, Overview};
pub use live::{Live, LiveLog};
