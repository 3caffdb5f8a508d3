//! What runs next and why a build waits, and the workers that run it.
//!
//! [`decide`] is one pure function over what the store holds; the dispatcher asks it, and whoever wants to know why a build
//! waits asks the same one. A build's next state is written before anything is done about it: whatever kills the farm, its
//! next start finds the attempt, gives it up, and the build goes on.

mod decide;
mod dispatch;
mod live;
mod record;
mod report;
mod retry;

pub use decide::{Limits, Why, decide, why};
pub use dispatch::{Dispatcher, MEMORY, Settings};
pub use live::{Live, LiveLog};
