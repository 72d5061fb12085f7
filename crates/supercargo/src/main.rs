//! The program: under its own name `supercargo`, in jobs as the tools they call, and as the child of a sandbox.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use supercargo::commands;

/// An API server makes and drops many small values, on several threads at once: the system's allocator takes a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let name = Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    // Before any thread is started: a sandbox is made by a process of one thread.
    match rest.first().and_then(|word| word.to_str()) {
        Some(node::sandbox::CHILD) => return code(node::sandbox::child(Path::new(rest.get(1).unwrap_or(&OsString::new())))),
        Some(node::rootless::ROOTLESS) => return code(node::rootless::child(Path::new(rest.get(1).unwrap_or(&OsString::new())))),
        Some(node::rootless::INSIDE) => return code(node::rootless::inside(Path::new(rest.get(1).unwrap_or(&OsString::new())))),
        Some(node::exec::EXEC) => return code(node::exec::child(Path::new(rest.get(1).unwrap_or(&OsString::new())))),
        Some(node::rootless::PROBE) => return code(node::rootless::probe()),
        Some(node::steps::STEPS) => return code(node::steps::run(Path::new(rest.get(1).unwrap_or(&OsString::new())))),
        _ => {}
    }
    if !goes_on(rest.first()) {
        stop_when_nobody_reads();
    }
    // Rendering needs neither a runtime nor its threads, and is over sooner than they are up.
    if let Some(ended) = cli::run_at_once(&name, &rest) {
        return code(ended);
    }
    let runtime = match runtime(rest.first()).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(name, rest));
    runtime.shutdown_background();
    code(ended)
}

/// Tells whether a command goes on and on: others ask, tell and end.
fn goes_on(command: Option<&OsString>) -> bool {
    command.is_some_and(|word| word == "up" || word == "run")
}

/// What goes on has a thread for each processor. A command that asks and tells has one: handing a request from thread to thread takes
/// longer than the request.
fn runtime(command: Option<&OsString>) -> tokio::runtime::Builder {
    if goes_on(command) { tokio::runtime::Builder::new_multi_thread() } else { tokio::runtime::Builder::new_current_thread() }
}

/// Ends the process as the signal does that other programs get, when whoever reads its output has read enough, as `head` has.
fn stop_when_nobody_reads() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let what = panic.payload_as_str().unwrap_or_default();
        if what.starts_with("failed printing to std") && what.contains("Broken pipe") {
            std::process::exit(141);
        }
        tell(panic);
    }));
}

async fn run(name: String, rest: Vec<OsString>) -> i32 {
    if let Some(ended) = cli::run_as(&name, rest.clone()).await {
        return ended;
    }
    if let Some((first, rest)) = rest.split_first()
        && let Some(word) = first.to_str().filter(|word| cli::NAMES.contains(word) || *word == "check")
        && let Some(ended) = cli::run_as(word, rest.to_vec()).await
    {
        return ended;
    }
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("SUPERCARGO_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match commands::run(commands::Arguments::parse()).await {
        Ok(ended) => ended,
        Err(error) => {
            eprintln!("Error: {}", cli::chain(&error));
            1
        }
    }
}

fn code(ended: i32) -> ExitCode {
    ExitCode::from(u8::try_from(ended).unwrap_or(1))
}
