//! Identity: everything that a person and an operator expect of sign-in.

mod codes;
mod passwords;
mod profile;
mod verification;
