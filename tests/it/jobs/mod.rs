//! The queue of background jobs.

mod administration;
mod lanes;
