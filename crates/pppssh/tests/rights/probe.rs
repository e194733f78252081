//! The program that is run with other rights: does as it is told and prints what it sees.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use clap::Parser;
use pppssh::cli::{Cli, Verb};
use pppssh::config::{Trust, for_connect, for_listen, for_serve};
use pppssh::privilege::{Privileges, clean_environment, renounce_gained, renounce_thread};

pub(crate) fn main(args: &[String]) -> ExitCode {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.split_first() {
        Some((&"rights", [])) => rights(),
        Some((&"hand-on", [])) => hand_on(),
        Some((&"give-up", [])) => give_up(),
        Some((&"other-thread", [])) => other_thread(),
        Some((&"renounce", [])) => renounce(),
        Some((&"load", line)) => load(line),
        _ => Err("the probe knows no such command".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error={error}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

/// What the first lines of the real `main` do.
fn begin() -> Result<(Trust, Privileges), Box<dyn std::error::Error>> {
    let trust = Trust::detect()?;
    clean_environment(&trust)?;
    Ok((trust, Privileges::reduce()?))
}

fn rights() -> Done {
    let (trust, privileges) = begin()?;
    match &trust {
        Trust::Own => {
            println!("trust=own");
        }
        Trust::Elevated(caller) => {
            println!("trust=elevated {} {} {:?}", caller.label(), caller.uid, caller.groups);
        }
    }
    println!("net_admin={}", privileges.net_admin());
    print_status("");
    // The owner of a process's files in /proc is root when it is undumpable.
    println!("dumpable={}", fs::metadata("/proc/self/environ")?.uid() != 0);
    let child = Command::new("/bin/cat").arg("/proc/self/status").output()?;
    print_caps("child ", &String::from_utf8(child.stdout)?);
    let vars: BTreeMap<_, _> = env::vars().collect();
    for (name, value) in &vars {
        println!("env {name}={value}");
    }
    println!("{}", privileges.describe());
    Ok(())
}

fn hand_on() -> Done {
    let (_, privileges) = begin()?;
    for handed in [true, false] {
        let mut command = Command::new("/bin/cat");
        command.arg("/proc/self/status");
        if handed {
            privileges.hand_on(&mut command);
        }
        print_caps(if handed { "hook " } else { "other " }, &String::from_utf8(command.output()?.stdout)?);
    }
    print_status("");
    Ok(())
}

fn give_up() -> Done {
    let (_, privileges) = begin()?;
    let helper = thread::spawn(|| {
        renounce_thread().unwrap();
        thread::park();
    });
    // The helper renounces as its first act; until it has, it is a holder.
    while privileges.give_up().is_err() {
        thread::yield_now();
    }
    helper.thread().unpark();
    helper.join().map_err(|_| "the helper panicked")?;
    print_status("");
    println!("{}", privileges.describe());
    let mut command = Command::new("/bin/cat");
    command.arg("/proc/self/status");
    privileges.hand_on(&mut command);
    print_caps("hook ", &String::from_utf8(command.output()?.stdout)?);
    let again = Command::new(env::current_exe()?).args(["probe", "rights"]).output()?;
    for line in String::from_utf8(again.stdout)?.lines() {
        println!("again {line}");
    }
    Ok(())
}

fn other_thread() -> Done {
    let (_, privileges) = begin()?;
    let helper = thread::spawn(thread::park);
    let outcome = privileges.give_up();
    helper.thread().unpark();
    helper.join().map_err(|_| "the helper panicked")?;
    println!("give_up={}", outcome.map_or_else(|error| error.to_string(), |()| "ok".to_owned()));
    Ok(())
}

fn renounce() -> Done {
    let trust = Trust::detect()?;
    clean_environment(&trust)?;
    renounce_gained(&trust)?;
    print_status("");
    println!("dumpable={}", fs::metadata("/proc/self/environ")?.uid() != 0);
    Ok(())
}

/// Reads the profile as the verb on the command line would.
fn load(line: &[&str]) -> Done {
    let cli = Cli::try_parse_from([&["pppssh"], line].concat())?;
    let (trust, _) = begin()?;
    let original = env::var("SSH_ORIGINAL_COMMAND").ok();
    let effective = match &cli.verb {
        Verb::Connect(args) => for_connect(&trust, &args.target, &args.call, &args.link),
        Verb::Serve(args) => for_serve(&trust, &args.link, original.as_deref()),
        Verb::Listen(args) => for_listen(&trust, &args.server, &args.link),
        other => return Err(format!("{other:?} reads no profile").into()),
    };
    let effective = effective?;
    print!("{}", effective.show());
    println!("ssh_config={:?}", effective.ssh_config(&trust));
    Ok(())
}

fn print_status(label: &str) {
    print_caps(label, &fs::read_to_string("/proc/self/status").unwrap_or_default());
}

fn print_caps(label: &str, status: &str) {
    for line in status.lines() {
        if line.starts_with("Cap") || line.starts_with("NoNewPrivs") || line.starts_with("Umask") {
            println!("{label}{}", line.replace(":\t", "="));
        }
    }
}
