//! Whom we ask over the network, and how: gateways of payments, carriers of mail and text messages, providers of identities.
//! What differs between them stays behind one interface for each kind.

pub mod http;
pub mod mail;
pub mod oauth;
pub mod oidc;
pub mod outbox;
pub mod outgoing_message;
pub mod payments;
pub(crate) mod sigv4;
pub mod sms;
