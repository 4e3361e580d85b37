//! A database of our own for the run, and a connection to look into it.

use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};
use url::Url;

use crate::{Result, processes::Postgres};

/// A connection; its task ends with it.
pub(crate) struct Session {
    pub(crate) client: Client,
    _task: JoinSet<Result<(), tokio_postgres::Error>>,
}

impl Session {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let mut task = JoinSet::new();
        task.spawn(connection);
        Ok(Self { client, _task: task })
    }

    pub(crate) async fn postgres(&self) -> Result<Postgres> {
        let pid: i32 = self.client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        Postgres::of_backend(pid.cast_unsigned())
    }

    pub(crate) async fn version(&self) -> Result<String> {
        let version: String = self.client.query_one("SHOW server_version", &[]).await?.get(0);
        Ok(version.split(' ').next().unwrap_or_default().to_owned())
    }
}

/// A database that we made.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    server_url: String,
    name: String,
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn create(server_url: &str) -> Result<Self> {
        let name = format!("agora_bench_{}", std::process::id());
        let mut url: Url = server_url.parse()?;
        url.set_path(&name);
        let server = Session::open(server_url).await?;
        server.client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        server.client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(Self { server_url: server_url.to_owned(), name, url: url.into() })
    }

    /// What a grown database would have had by and by. From here on nothing is vacuumed while we look.
    pub(crate) async fn settle(&self) -> Result<()> {
        let session = Session::open(&self.url).await?;
        let tables = session
            .client
            .query("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'", &[])
            .await?;
        for row in tables {
            let table: String = row.get(0);
            session.client.batch_execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await?;
        }
        session.client.batch_execute("VACUUM ANALYZE").await?;
        session.client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    pub(crate) async fn remove(&self) -> Result<()> {
        let server = Session::open(&self.server_url).await?;
        Ok(server.client.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await?)
    }
}
