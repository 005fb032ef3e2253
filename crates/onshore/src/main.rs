//! Onshore: a sovereign cloud in one binary. Reads configuration, environment and the real clock, wires the rooms
//! together, serves; and is the command line, a client of the control API.

mod backup;
mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod country_database;
mod credentials;
mod exit;
mod files;
mod first_start;
mod hidden_names;
mod house;
mod lease_desk;
mod listen;
mod origin;
mod output;
mod pdf;
mod renewal;
mod serve;
mod target;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

/// A request makes and drops hundreds of small values on two or more threads at once: this allocator takes half the time
/// of the system's for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::problem(&format!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::problem(&format!("{error:#}"));
            exit::of(&error).into()
        }
    }
}
