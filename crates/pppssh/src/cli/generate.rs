//! What can be made from the definition of the command line: completion scripts and manual pages.

use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Cli, ManArgs};
use crate::exit::ExitCode;

/// Writes the completion script for `shell`.
pub fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pppssh", &mut script);
    out.write_all(&script)
}

/// Writes one manual page to `out`, or all of them into a directory.
pub fn man(args: &ManArgs, out: &mut impl Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    match (&args.dir, &args.verb) {
        (Some(dir), _) => all_pages(&command, dir),
        (None, None) => main_page(&command, out),
        (None, Some(verb)) => {
            let verb = command.find_subcommand(verb).ok_or_else(|| {
                let verbs: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
                let message = format!("there is no verb `{verb}`: use one of {}", verbs.join(", "));
                io::Error::new(io::ErrorKind::InvalidInput, message)
            })?;
            page(verb).render(out)
        }
    }
}

fn all_pages(command: &Command, dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut text = Vec::new();
    main_page(command, &mut text)?;
    std::fs::write(dir.join("pppssh.1"), &text)?;
    for verb in command.get_subcommands() {
        let page = page(verb);
        text.clear();
        page.render(&mut text)?;
        std::fs::write(dir.join(page.get_filename()), &text)?;
    }
    Ok(())
}

fn page(command: &Command) -> Man {
    // clap calls a built verb "pppssh connect"; its page is pppssh-connect(1).
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    Man::new(command.clone()).title(name.to_uppercase()).manual("pppssh")
}

fn main_page(command: &Command, out: &mut impl Write) -> io::Result<()> {
    let page = page(command);
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    page.render_subcommands_section(out)?;
    exit_status(out)?;
    files(out)?;
    page.render_extra_section(out)?;
    page.render_version_section(out)
}

fn exit_status(out: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("The numbers are those of "), bold("pppd"), roman("(8).")]);
    for code in ExitCode::ALL {
        roff.control("TP", []);
        roff.text([bold(code.code().to_string())]);
        roff.text([roman(code.description())]);
    }
    roff.to_writer(out)
}

fn files(out: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["FILES"]);
    for (path, what) in [
        ("/etc/pppssh/NAME.toml", "Profiles of the system. `pppssh config --example` explains every key."),
        ("~/.config/pppssh/NAME.toml", "Profiles of the user, read after those of the system."),
        ("/etc/pppssh/hooks/", "The programs ip-up, ip-down, ipv6-up and ipv6-down."),
        ("/run/user/UID/pppssh/, /run/pppssh/", "Control sockets and journals of running sessions."),
    ] {
        roff.control("TP", []);
        roff.text([bold(path)]);
        roff.text([roman(what)]);
    }
    roff.to_writer(out)
}
