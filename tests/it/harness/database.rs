//! A database for each test: a copy of one that was migrated once.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr};
use tokio::sync::{OnceCell, mpsc, oneshot};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A database that goes with its last user.
pub(crate) struct TestDatabase(Arc<Inner>);

enum Inner {
    Sqlite(PathBuf),
    Postgres { server: String, name: String },
}

/// The server that tests run on, when it is PostgreSQL: `postgres://user@host:port/postgres`.
fn postgres_server() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the switch of the test suite")]
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// A fresh, migrated database.
pub(crate) async fn create() -> TestDatabase {
    match postgres_server() {
        None => copy_file(&sqlite_template().await),
        Some(server) => {
            let template = postgres_template(&server).await;
            copy_database(&server, &template).await
        }
    }
}

fn copy_file(template: &Path) -> TestDatabase {
    let log = std::fs::metadata(template.with_extension("db-wal"));
    assert!(!log.is_ok_and(|log| log.len() > 0), "not all of it is in {}", template.display());
    let file = folder().join(format!("test-{}.db", NEXT.fetch_add(1, Ordering::SeqCst)));
    std::fs::copy(template, &file).unwrap();
    TestDatabase(Arc::new(Inner::Sqlite(file)))
}

async fn copy_database(server: &str, template: &str) -> TestDatabase {
    let name = format!("agora_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    run(server, &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await;
    TestDatabase(Arc::new(Inner::Postgres { server: server.to_owned(), name }))
}

/// A fresh database without a schema.
pub(crate) async fn create_empty() -> TestDatabase {
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    match postgres_server() {
        None => TestDatabase(Arc::new(Inner::Sqlite(folder().join(format!("test-{number}.db"))))),
        Some(server) => {
            let name = format!("agora_test_{}_{number}", std::process::id());
            run(&server, &format!("CREATE DATABASE {name}")).await;
            TestDatabase(Arc::new(Inner::Postgres { server, name }))
        }
    }
}

impl TestDatabase {
    /// What goes into DATABASE_URL.
    pub(crate) fn url(&self) -> String {
        match &*self.0 {
            Inner::Sqlite(file) => format!("sqlite://{}", file.display()),
            Inner::Postgres { server, name } => database_url(server, name),
        }
    }

    /// The same, when it is PostgreSQL.
    pub(crate) fn postgres_url(&self) -> Option<String> {
        matches!(&*self.0, Inner::Postgres { .. }).then(|| self.url())
    }

    /// Makes it ready to be copied, once nobody is connected any more: of SQLite's connections that close at the same moment
    /// none may bring the log into the file.
    pub(crate) async fn settle(&self) {
        if matches!(&*self.0, Inner::Sqlite(_)) {
            let database = Database::connect(self.url()).await.unwrap();
            database.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
            database.close().await.unwrap();
        }
    }

    /// Another one with the same in it. Nobody may be connected to this one.
    pub(crate) async fn copy(&self) -> Self {
        match &*self.0 {
            Inner::Sqlite(file) => copy_file(file),
            Inner::Postgres { server, name } => copy_database(server, name).await,
        }
    }

    /// For another server on the same database.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // PostgreSQL's are dropped by the next run, which finds that this process is gone.
        if let Self::Sqlite(file) = self {
            for ending in ["db", "db-wal", "db-shm"] {
                let _ = std::fs::remove_file(file.with_extension(ending));
            }
        }
    }
}

/// A folder of this process's own; those of processes that are gone are removed.
pub(crate) fn folder() -> PathBuf {
    let root = std::env::temp_dir().join("agora-tests");
    let folder = root.join(std::process::id().to_string());
    if !folder.exists() {
        for entry in std::fs::read_dir(&root).into_iter().flatten().flatten() {
            if let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>()
                && !alive(pid)
            {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        std::fs::create_dir_all(&folder).unwrap();
    }
    folder
}

fn alive(pid: u32) -> bool {
    !PathBuf::from("/proc").exists() || PathBuf::from(format!("/proc/{pid}")).exists()
}

async fn sqlite_template() -> PathBuf {
    static TEMPLATE: OnceCell<PathBuf> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let file = folder().join("template.db");
            let database = Database::connect(format!("sqlite://{}?mode=rwc", file.display())).await.unwrap();
            // As servers have it: else the first connection to each copy changes it, and waits for the disk several times.
            database.execute_unprepared("PRAGMA journal_mode = WAL").await.unwrap();
            Migrator::up(&database, None).await.unwrap();
            database.close().await.unwrap();
            file
        })
        .await
        .clone()
}

async fn postgres_template(server: &str) -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            forget_old(server).await;
            let name = format!("agora_test_{}", std::process::id());
            run(server, &format!("CREATE DATABASE {name}")).await;
            let database = Database::connect(database_url(server, &name)).await.unwrap();
            Migrator::up(&database, None).await.unwrap();
            database.close().await.unwrap();
            name
        })
        .await
        .clone()
}

/// Drops the databases of test runs that are over.
async fn forget_old(server: &str) {
    let admin = connect(server).await;
    let sql = "SELECT datname FROM pg_database WHERE datname LIKE 'agora\\_test\\_%'";
    let rows =
        admin.query_all_raw(sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Postgres, sql)).await.unwrap();
    for row in rows {
        let name: String = row.try_get_by_index(0).unwrap();
        let pid = name.trim_start_matches("agora_test_").split('_').next().and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !alive(pid) || pid == std::process::id()) {
            let _ = admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
    admin.close().await.unwrap();
}

async fn connect(server: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(server);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

/// What is to run on the server, and who waits for it.
type Order = (String, oneshot::Sender<Result<(), DbErr>>);

/// Runs a statement on the server, one after the other: copies of one template can't be made at once. All of them by one
/// connection, which has a thread of its own, because each test has a runtime of its own.
async fn run(server: &str, sql: &str) {
    static ORDERS: OnceLock<mpsc::UnboundedSender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, ordered) = mpsc::unbounded_channel();
        let server = server.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(carry_out(&server, ordered));
        });
        orders
    });
    let (done, is_done) = oneshot::channel();
    orders.send((sql.to_owned(), done)).unwrap();
    is_done.await.unwrap().unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn carry_out(server: &str, mut orders: mpsc::UnboundedReceiver<Order>) {
    let admin = connect(server).await;
    while let Some((sql, done)) = orders.recv().await {
        // Whoever ordered it may be gone.
        let _ = done.send(admin.execute_unprepared(&sql).await.map(drop));
    }
}

fn database_url(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(name);
    url.to_string()
}
