//! Log lines: for people in development, one JSON object a line in production; colours on a terminal only.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Config, LogFormat};

/// Installs the global subscriber; a second call changes nothing.
pub(crate) fn init(config: &Config) {
    // Our own line says what was migrated; those of each step can be asked for.
    let filter = format!("sea_orm_migration=warn,{}", config.log_level);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let has_colours = config.colours && std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match config.log_format {
        LogFormat::Human => registry
            .with(fmt::layer().with_target(false).with_ansi(has_colours).with_writer(std::io::stderr))
            .try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_ansi(false).with_writer(std::io::stderr))
            .try_init(),
    };
    if installed.is_err() {
        tracing::debug!("a log subscriber is already installed");
    }
}
