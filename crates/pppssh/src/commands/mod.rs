//! The verbs of the command line.

mod authentication;
mod connect;
mod context;
mod dial;
mod inherited;
mod lane;
mod listen;
mod pppd;
mod prompt;
mod serve;
mod setup;
mod simple;
mod user_ppp;

use std::io;
use std::rc::Rc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tracing::error;

use crate::cli::{Cli, Verb};
use crate::config::{ConfigError, Trust};
use crate::deference::Deference;
use crate::exit::ExitCode;
use crate::foreign::{Detach, detach};
use crate::log::Reader;
use crate::privilege::{Privileges, clean_environment, renounce_gained, renounce_thread};

use context::{Context, Failure, OrExit as _};

pub use pppd::run as pppd;

/// Does what the command line asks for. Must be called first in `main`, while there is one thread.
pub fn run(cli: Cli) -> ExitCode {
    match start(cli) {
        Ok(code) => code,
        Err(Failure { code, error }) => {
            error!("{error:#}");
            code
        }
    }
}

fn start(mut cli: Cli) -> Result<ExitCode, Failure> {
    if let Verb::Pppd(args) = &cli.verb {
        return Ok(pppd::run(&args.words));
    }
    let trust = Trust::detect().map_err(early)?;
    clean_environment(&trust).map_err(early)?;
    let links = matches!(
        cli.verb,
        Verb::Connect(_) | Verb::Serve(_) | Verb::Listen(_) | Verb::Cleanup(_) | Verb::UserPpp(_)
    );
    let privileges = if links {
        Some(Privileges::reduce().map_err(early)?)
    } else {
        renounce_gained(&trust).map_err(early)?;
        None
    };
    // Before the log, which `set log` is about.
    let mut user_ppp = match &cli.verb {
        Verb::UserPpp(args) => Some(user_ppp::load(&trust, &args.words)),
        _ => None,
    };
    if let Some(Ok(loaded)) = &user_ppp {
        cli.log.verbose = cli.log.verbose.max(loaded.plan.verbosity);
    }
    let reader = if matches!(cli.verb, Verb::Serve(_)) { Reader::Caller } else { Reader::Here };
    cli.log.init(&trust, reader).map_err(early)?;

    let Some(privileges) = privileges else { return simple::run(cli.verb, &trust) };
    let context = Context { trust, privileges, deference: Deference::default() };
    let user_ppp = user_ppp.take().transpose()?;
    // While there is one thread.
    let detached = match user_ppp.as_ref().filter(|loaded| user_ppp::detaches(&loaded.plan)) {
        Some(_) => Some(detach(Detach::WhenUp).or_exit(ExitCode::FatalError)?),
        None => None,
    };
    let runtime = runtime(&context.deference).or_exit(ExitCode::FatalError)?;
    let local = LocalSet::new();
    let done = local.block_on(&runtime, async {
        match cli.verb {
            Verb::Connect(args) => {
                Box::pin(connect::connect(&context, &args.target, &args.call, &args.link)).await
            }
            Verb::Serve(args) => Box::pin(serve::serve(&context, &args)).await,
            Verb::Listen(args) => listen::listen(Rc::new(context), &args.server, &args.link).await,
            Verb::UserPpp(_) => {
                let loaded = user_ppp.expect("read above");
                Box::pin(user_ppp::run(&context, loaded, detached)).await
            }
            Verb::Cleanup(args) => simple::cleanup(&context, &args).await,
            other => unreachable!("{other:?} needs no rights"),
        }
    });
    // A question that nobody answers on the terminal must not hold the end up.
    runtime.shutdown_background();
    done
}

/// One thread for everything: the pump is one task, and capabilities belong to a thread.
fn runtime(deference: &Deference) -> io::Result<Runtime> {
    let deference = deference.clone();
    Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || deference.look())
        .on_thread_start(|| {
            if let Err(error) = renounce_thread() {
                error!(%error, "a helper thread keeps its capabilities");
            }
        })
        .build()
}

/// A failure before there is a log.
fn early(error: impl Into<anyhow::Error>) -> Failure {
    let error = error.into();
    eprintln!("pppssh: {error:#}");
    Failure { code: ExitCode::NotAllowed, error }
}

/// A configuration's failure: refused, or wrong.
fn config_failure(error: ConfigError) -> Failure {
    let code = match &error {
        ConfigError::Untrusted { .. }
        | ConfigError::NotAllowed { .. }
        | ConfigError::TooOpen { .. }
        | ConfigError::Unsafe { .. }
        | ConfigError::Refused { .. }
        | ConfigError::RefusedOption { .. }
        | ConfigError::NotSelectable { .. } => ExitCode::NotAllowed,
        _ => ExitCode::OptionError,
    };
    Failure::new(code, error)
}
