//! Accounts: people, their names and profiles, and the address and password that each has. How they prove who they are by
//! these, and what follows from it, is `auth`.
//!
//! Owns `users`, `credentials`, `likenesses`, `held_usernames` and `digest_subscriptions`. Always holds: user names and
//! e-mail addresses are unique whatever their case; nothing that only its owner may see leaves `credentials`.

pub(crate) mod credentials;
mod digest;
mod likenesses;
mod mail;
mod people;
pub(crate) mod policy;
mod privacy;
mod profile;
mod queries;
mod registration;
mod rows;

use std::sync::Arc;

pub(crate) use digest::{digest_sent_in, digests};
pub(crate) use likenesses::check_title;
pub(crate) use likenesses::lookalikes;
pub(crate) use mail::email_in;
pub(crate) use people::count_post_in;
pub(crate) use people::{NewPerson, find_in, insert_in, lock_in};
pub(crate) use policy::email as email_address;
pub(crate) use privacy::erase_in;
pub(crate) use profile::{ProfileUpdate, bio_set_in, profile_update};
pub(crate) use queries::{Email, UserFilter, UserSort, emails, get, user_by_username, users, users_by_id};
pub(crate) use queries::{joined, named};
pub(crate) use registration::DOMAIN;
pub use rows::UserRow;
pub(crate) use rows::{Person, UserCard};

/// A person as others may see them.
pub(crate) type User = Arc<UserRow>;
