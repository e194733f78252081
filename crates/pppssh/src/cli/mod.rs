//! The command line: every verb, its arguments and its help. What the verbs do is elsewhere.

mod generate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::config::{CallFlags, CarrierChoice, LinkFlags, ListenFlags, ProfileName, Target};
use crate::control::Condition;
use crate::keys::{AuthorizeArgs, KeygenArgs};
use crate::log::LogArgs;

pub use generate::{completions, man};

/// A point-to-point IP link over an SSH login.
///
/// `pppssh connect HOST` logs in to HOST by SSH, runs `pppssh serve` there, and joins the two hosts by a network device
/// on each end. It speaks PPP, so pppd may be the other end.
#[derive(Debug, Parser)]
#[command(
    name = "pppssh",
    version,
    max_term_width = 100,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    disable_help_subcommand = true,
    after_help = "`pppssh VERB -h` explains a verb briefly, `pppssh VERB --help` at length.",
    after_long_help = "\
Examples:
  Link this host to saturn, and the network behind saturn to this host:
      pppssh connect saturn --addresses 192.168.1.1:192.168.2.1 --route 192.168.2.0/24

  Let venus call this host with its key, and nothing else:
      pppssh authorize --append --from 10.9.9.1 venus.pub

  See what the two ends agreed on:
      pppssh status --explain

Exit codes are those of pppd; `pppssh man` lists them.
`pppssh VERB -h` explains a verb briefly, `pppssh VERB --help` at length."
)]
pub struct Cli {
    /// What is logged, how and where to.
    #[command(flatten)]
    pub log: LogArgs,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Call a host and keep the link up.
    ///
    /// Runs until it is ended by SIGTERM, SIGINT or `pppssh disconnect`; then it takes the link down politely and undoes
    /// what it changed on this host. SIGHUP makes it dial again.
    Connect(Box<ConnectArgs>),

    /// Answer a call on standard input and output; what sshd runs.
    ///
    /// Meant as the forced command of a key (see `pppssh authorize`). What this end grants is said by its own command
    /// line and profile; the caller may only pick a profile that `selectable` lists.
    Serve(Box<ServeArgs>),

    /// Answer calls with an SSH server of its own, where there is no sshd.
    Listen(Box<ListenArgs>),

    /// Do what pppd would, by its own options and files.
    ///
    /// Reads /etc/ppp/options, ~/.ppprc and the command line, and /etc/ppp/peers/NAME for `call NAME`; docs/pppd.md lists
    /// the options. The same happens when the program is called by the name pppd.
    #[command(disable_help_flag = true)]
    Pppd(PppdArgs),

    /// Do what FreeBSD's user-ppp would, by its own files.
    ///
    /// Reads /etc/ppp/ppp.conf, ppp.linkup and ppp.linkdown; docs/user-ppp.md lists the commands. A line that cannot be
    /// obeyed is named before anything is done.
    UserPpp(UserPppArgs),

    /// Say how the links of this user are doing.
    Status(StatusArgs),

    /// Take a link down politely.
    Disconnect(DisconnectArgs),

    /// Undo what a killed session left behind.
    ///
    /// Each session writes down every change of addresses, routes and forwarding before it makes it. This reads what
    /// sessions left whose process is gone, and undoes it.
    Cleanup(CleanupArgs),

    /// Make a key for a link.
    Keygen(KeygenArgs),

    /// Let a key in, for `pppssh serve` and nothing else.
    ///
    /// Prints the line for authorized_keys, or appends it with --append.
    Authorize(AuthorizeArgs),

    /// Show a link between two hosts that exist only for the demo.
    ///
    /// Makes venus and saturn as network namespaces with a network behind each, links them, moves data both ways, prints
    /// what it measured, and leaves nothing behind. Needs root or user namespaces.
    Demo(DemoArgs),

    /// Explain the keys of a profile, or show one as it stands.
    Config(ConfigArgs),

    /// Print a completion script for a shell.
    ///
    /// For example `pppssh completions bash > /etc/bash_completion.d/pppssh`.
    Completions(CompletionsArgs),

    /// Print the manual pages.
    Man(ManArgs),
}

/// Arguments of `connect`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  Ask the peer for both addresses, and for nothing else:
      pppssh connect vpn@saturn

  With the system's ssh, its jump hosts, hardware keys and so on:
      pppssh connect saturn --carrier openssh

  With all that /etc/pppssh/saturn.toml says, but once only:
      pppssh connect saturn --no-persist

  To a host where pppd answers:
      pppssh connect saturn --remote-command 'pppd notty noauth'")]
pub struct ConnectArgs {
    /// Host to call, and the profile to use if there is one of that name.
    #[arg(value_name = "[USER@]HOST", value_hint = ValueHint::Hostname)]
    pub target: Target,

    /// The SSH login and redialling.
    #[command(flatten)]
    pub call: CallFlags,

    /// The link.
    #[command(flatten)]
    pub link: LinkFlags,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The link.
    #[command(flatten)]
    pub link: LinkFlags,

    /// Hand on to the process that already serves this connection; callers say so where one channel is too narrow.
    #[arg(long, hide = true)]
    pub lane: bool,
}

/// Arguments of `listen`.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// The server.
    #[command(flatten)]
    pub server: ListenFlags,

    /// The links.
    #[command(flatten)]
    pub link: LinkFlags,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The session; all by default.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Say in sentences what was asked, granted and refused, and by whom.
    #[arg(long, conflicts_with = "json")]
    pub explain: bool,

    /// First wait until the session is up, down, ipv4-up or ipv6-up.
    ///
    /// A session that is named but has not started yet is waited for too.
    #[arg(long, value_name = "STATE")]
    pub wait: Option<Condition>,

    /// Look for sessions in DIR only.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub runtime_dir: Option<PathBuf>,
}

/// Arguments of `disconnect`.
#[derive(Debug, Args)]
pub struct DisconnectArgs {
    /// The session; may be left out if there is only one.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Look for sessions in DIR only.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub runtime_dir: Option<PathBuf>,
}

/// Arguments of `pppd`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  Call saturn, whose forced command is `pppd nodetach notty noauth` or `pppssh serve`:
      pppssh pppd nodetach noauth 192.168.1.1:192.168.2.1 pty 'ssh vpn@saturn'

  The same from /etc/ppp/peers/saturn, in the background once the link is up:
      pppssh pppd call saturn updetach")]
pub struct PppdArgs {
    /// pppd's own options.
    #[arg(value_name = "OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// Arguments of `user-ppp`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Modes:
  -ddial LABEL       call and keep the link up, in the background
  -background LABEL  call once; into the background when the link is up
  -foreground LABEL  call once, and stay
  -auto LABEL        call when a packet wants to leave, in the background
  -direct [LABEL]    answer on standard input and output
Options:
  -unitN             the device is tunN
  -quiet             taken, as nothing is printed anyway
  --config-dir DIR   read the files from DIR instead of /etc/ppp

Example, calling with `set device \"!ssh vpn@saturn\"` in the section vpn:
  pppssh user-ppp -ddial vpn")]
pub struct UserPppArgs {
    /// ppp's own command line.
    #[arg(
        value_name = "-MODE [-unitN] LABEL",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true
    )]
    pub words: Vec<String>,
}

/// Arguments of `cleanup`.
#[derive(Debug, Args)]
pub struct CleanupArgs {
    /// Say what would be undone, and change nothing.
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Look for journals in DIR only.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub runtime_dir: Option<PathBuf>,

    /// Believe the journals of other users too; for root, who has looked at them.
    #[arg(long)]
    pub any_owner: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Keep the two hosts and the link until Enter or Ctrl-C.
    #[arg(long)]
    pub hold: bool,

    /// Data to move each way, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub size: u32,

    /// Who speaks SSH on the calling host.
    #[arg(long, value_name = "KIND", default_value = "native")]
    pub carrier: CarrierChoice,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct ConfigArgs {
    /// Print a profile with every key, its meaning and its default.
    #[arg(long, group = "what")]
    pub example: bool,

    /// Print the profile NAME as it stands, and where each value came from.
    #[arg(long, value_name = "NAME", group = "what")]
    pub show: Option<ProfileName>,

    /// Read profiles from DIR only.
    #[arg(long, value_name = "DIR", requires = "show", value_hint = ValueHint::DirPath)]
    pub config_dir: Option<PathBuf>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The verb whose page to print; the page of pppssh itself by default.
    #[arg(value_name = "VERB")]
    pub verb: Option<String>,

    /// Write all pages into DIR instead.
    #[arg(long, value_name = "DIR", conflicts_with = "verb", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests;
