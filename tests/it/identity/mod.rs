//! Identity: what a person and an operator expect of sign-in.

mod activity;
mod audit;
mod jobs_admin;
mod roles;
mod suspension;
