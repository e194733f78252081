//! The verbs that hold no link.

use std::io::{self, Write};

use anyhow::Context as _;

use crate::cli::{self, CleanupArgs, ConfigArgs, DisconnectArgs, StatusArgs, Verb};
use crate::config::{self, Trust};
use crate::control::ControlError;
use crate::control::client::{self, Format};
use crate::deference::Deference;
use crate::exit::ExitCode;
use crate::keys;

use super::context::{Context, Failure, OrExit as _, runtime_dirs};

/// Runs a verb that needs no more rights than its caller's.
pub(super) fn run(verb: Verb, trust: &Trust) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    let home = trust.home();
    match verb {
        Verb::Status(args) => print(&block_on(status(&args, trust))?, &mut out),
        Verb::Disconnect(args) => block_on(disconnect(&args, trust)),
        Verb::Keygen(args) => done(keys::keygen(&args, home.as_deref(), &mut out)),
        Verb::Authorize(args) => done(keys::authorize(&args, home.as_deref(), &mut out)),
        Verb::Demo(args) => crate::demo::run(&args).or_exit(ExitCode::FatalError),
        Verb::Config(args) => print(&show(&args, trust)?, &mut out),
        Verb::Completions(args) => done(cli::completions(args.shell, &mut out)),
        Verb::Man(args) => done(cli::man(&args, &mut out)),
        other => unreachable!("{other:?} holds a link"),
    }
}

fn done<E: Into<anyhow::Error>>(result: Result<(), E>) -> Result<ExitCode, Failure> {
    match result.map_err(Into::into) {
        Ok(()) => Ok(ExitCode::Ok),
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::Ok),
        Err(error) => Err(Failure { code: ExitCode::FatalError, error }),
    }
}

fn print(text: &str, out: &mut impl Write) -> Result<ExitCode, Failure> {
    done(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The reader has seen enough: `pppssh man | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = super::runtime(&Deference::default())
        .context("starting the runtime")
        .or_exit(ExitCode::FatalError)?;
    runtime.block_on(work)
}

async fn status(args: &StatusArgs, trust: &Trust) -> Result<String, Failure> {
    let format = match (args.json, args.explain) {
        (true, _) => Format::Json,
        (_, true) => Format::Sentences,
        _ => Format::Table,
    };
    let dirs = runtime_dirs(trust, args.runtime_dir.as_deref());
    client::report(&dirs, args.name.as_deref(), format, args.wait).await.map_err(control_failure)
}

async fn disconnect(args: &DisconnectArgs, trust: &Trust) -> Result<ExitCode, Failure> {
    let dirs = runtime_dirs(trust, args.runtime_dir.as_deref());
    let session = client::find(&dirs, args.name.as_deref()).await.map_err(control_failure)?;
    session.disconnect().await.map_err(control_failure)?;
    Ok(ExitCode::Ok)
}

fn control_failure(error: ControlError) -> Failure {
    let code = match error {
        ControlError::BadName(_) | ControlError::Ambiguous(_) => ExitCode::OptionError,
        _ => ExitCode::FatalError,
    };
    Failure::new(code, error)
}

fn show(args: &ConfigArgs, trust: &Trust) -> Result<String, Failure> {
    let Some(name) = &args.show else { return Ok(config::example()) };
    config::for_show(trust, name.clone(), args.config_dir.as_deref())
        .map(|effective| effective.show())
        .map_err(super::config_failure)
}

/// `pppssh cleanup`: undoes what killed sessions left.
pub(super) async fn cleanup(context: &Context, args: &CleanupArgs) -> Result<ExitCode, Failure> {
    let options = hostnet::CleanupOptions {
        dry_run: args.dry_run,
        // Else the caller could write a journal, and have things undone that no session did.
        only_marked: context.trust.is_elevated(),
        any_owner: args.any_owner,
    };
    let dirs = context.runtime_dirs(args.runtime_dir.as_deref()).existing();
    let mut code = ExitCode::Ok;
    let mut out = String::new();
    for (dir, _) in dirs {
        let report = hostnet::cleanup(&dir, options).await.or_exit(ExitCode::FatalError)?;
        if !report.is_clean() {
            code = ExitCode::FatalError;
        }
        if !report.journals.is_empty() {
            out.push_str(&report.to_string());
            out.push('\n');
        }
    }
    if out.is_empty() {
        out.push_str("nothing to clean up\n");
    }
    print(&out, &mut io::stdout().lock())?;
    Ok(code)
}
