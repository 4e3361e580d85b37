//! Measures Agora against a *floor*: the same answers from hand-tuned SQL, prepared statements and hand-written JSON.
//! What is measured, how, and what came of it is in `bench/README.md`; `bench/run` is the command.
//!
//! - `floor`: the server that Agora is compared with.
//! - `run`: the whole course, from an empty database to the table.
//! - `operations`: what is asked of both servers, and whether they answer and write alike.
//! - `load`, `http`: asking many times, and how long that took.
//! - `sockets`: subscriptions.
//! - `storm`: sign-ins.
//! - `transfers`: money from wallet to wallet.
//! - `goals`: what all that is to reach.
//! - `processes`, `database`: what is measured: starting it, and what it costs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

mod database;
mod floor;
mod goals;
mod http;
mod load;
mod operations;
mod processes;
mod report;
mod run;
mod sockets;
mod storm;
mod transfers;
mod typeid;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever went wrong: there is nobody to tell but the person who started us.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Parser)]
#[command(name = "agora-bench", about = "Measures Agora against a floor.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a database, start both servers, measure, print the table, take everything away again.
    Run(run::Options),
    /// Only serve as the floor, on a free port of the loopback address, until killed.
    Floor {
        /// The database that Agora has migrated.
        #[arg(long)]
        database_url: String,
        /// How many connections to it.
        #[arg(long, default_value_t = 8)]
        connections: usize,
    },
    /// Make a database with Agora's tables and generated data, and keep it; prints its address.
    Prepare {
        /// A PostgreSQL whose user may create databases.
        #[arg(long)]
        server_url: String,
        /// Agora's program.
        #[arg(long)]
        agora: PathBuf,
        /// Little data: to see that it works, not to measure on it.
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Floor { database_url, connections } => floor::serve(&database_url, connections),
        Command::Prepare { server_url, agora, quick } => run::prepare_only(&server_url, &agora, quick),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("agora-bench: {error}");
            let mut error: &dyn std::error::Error = &*error;
            while let Some(cause) = error.source() {
                eprint!(": {cause}");
                error = cause;
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}
