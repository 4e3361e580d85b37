//! How people prove who they are: second factors, fresh authentication, and what stands against guessing.

mod authenticator;
mod guessing;
mod reauthentication;
mod two_factor;
mod two_factor_required;
mod two_factor_sign_in;
