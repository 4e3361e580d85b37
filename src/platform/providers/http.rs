//! The one HTTP client: for everything that asks another server, with the same bounds for all.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use crate::error::{Error, Result};

/// How long a request may take, from the first byte to the last.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// Read from the machine once.
static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();

/// A client that follows no redirect, asks no proxy, and gives up after [`TIMEOUT`]. Cheap to clone; connections are
/// kept and shared.
#[derive(Debug, Clone)]
pub struct Http(reqwest::Client);

impl Http {
    /// Trusts the public certificate authorities, which are built in, and those of the machine: an issuer of one's own
    /// may have its certificate from there, and a container may have none at all.
    pub fn new() -> Result<Self> {
        let roots = ROOTS.get_or_init(|| {
            let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        });
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(Arc::clone(roots))
            .with_no_client_auth();
        #[expect(clippy::disallowed_methods, reason = "this is the one")]
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 2)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("agora/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::internal)?;
        Ok(Self(client))
    }
}

impl Deref for Http {
    type Target = reqwest::Client;

    fn deref(&self) -> &reqwest::Client {
        &self.0
    }
}

/// The body of an answer as text, at most `limit` bytes of it: whoever answers does not decide how much memory we give.
pub(crate) async fn text(mut response: reqwest::Response, limit: usize) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == limit {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What went wrong with a request, without its address: that may hold what nobody should read in a log.
#[must_use]
pub(crate) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
