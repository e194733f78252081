//! Making a carrier to the host that a profile names.

use std::path::PathBuf;
use std::sync::Arc;

use ssh_carrier::client::{self, ClientConfig, NoPrompt, Prompt};
use ssh_carrier::openssh::{self, LanesConfig, OpensshConfig};
use ssh_carrier::{Carrier, CarrierError};

use super::{lane, prompt::Terminal};
use crate::config::{CarrierChoice, Profile};
use crate::control::RuntimeDirs;

/// Calls one host, as often as needed.
pub(super) struct Dialler {
    how: How,
    command: String,
    prompt: Arc<dyn Prompt>,
}

enum How {
    Native(ClientConfig),
    Openssh(OpensshConfig),
}

impl Dialler {
    /// Ready to call the host of `profile`; `config_file` is the ssh_config to read instead of the usual ones, `dirs` where sockets may
    /// be.
    pub(super) fn new(
        profile: &Profile,
        config_file: Option<PathBuf>,
        dirs: &RuntimeDirs,
    ) -> Result<Self, CarrierError> {
        let lane = format!("{} {}", profile.remote_command, lane::ARGUMENT);
        let host = profile.host.clone().unwrap_or_default();
        let mut options = vec![format!("ConnectTimeout={}", profile.connect_timeout.get().as_secs().max(1))];
        if let Some(known_hosts) = &profile.known_hosts {
            options.push(format!("UserKnownHostsFile={}", known_hosts.display()));
            options.push("GlobalKnownHostsFile=none".to_owned());
        }
        let how = match profile.carrier {
            CarrierChoice::Native => {
                let extra = NativeArgs::parse(&profile.ssh_args)?;
                options.extend(extra.options);
                How::Native(ClientConfig {
                    user: profile.user.clone(),
                    port: profile.port,
                    identities: profile.identity.clone(),
                    jump: extra.jump,
                    config_file,
                    options,
                    ssh_program: Some(profile.ssh_program.clone()),
                    congestion_control: profile.carrier_cc.clone(),
                    lane_command: Some(lane),
                    ..ClientConfig::new(host)
                })
            }
            CarrierChoice::Openssh => How::Openssh(OpensshConfig {
                user: profile.user.clone(),
                port: profile.port,
                identities: profile.identity.clone(),
                config_file,
                options,
                program: profile.ssh_program.clone(),
                args: profile.ssh_args.iter().map(Into::into).collect(),
                lanes: dirs.prepare().ok().map(|dir| LanesConfig { command: lane, dir }),
                ..OpensshConfig::new(host)
            }),
        };
        let prompt: Arc<dyn Prompt> =
            if Terminal::is_there() { Arc::new(Terminal) } else { Arc::new(NoPrompt) };
        Ok(Self { how, command: profile.remote_command.clone(), prompt })
    }

    /// One call.
    pub(super) async fn dial(&self) -> Result<Carrier, CarrierError> {
        match &self.how {
            How::Native(config) => client::connect(config, &self.command, self.prompt.clone()).await,
            How::Openssh(config) => openssh::connect(config, &self.command).await,
        }
    }
}

/// What the client inside pppssh understands of `ssh-args`.
#[derive(Debug, Default, PartialEq, Eq)]
struct NativeArgs {
    options: Vec<String>,
    jump: Option<String>,
}

impl NativeArgs {
    fn parse(args: &[String]) -> Result<Self, CarrierError> {
        let mut parsed = Self::default();
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let value = |rest: &str, next: Option<&String>| match (rest, next) {
                ("", Some(next)) => Ok(next.clone()),
                ("", None) => Err(CarrierError::Config(format!("ssh-args: {word} needs a value behind it"))),
                (rest, _) => Ok(rest.to_owned()),
            };
            if let Some(rest) = word.strip_prefix("-o") {
                let next = if rest.is_empty() { words.next() } else { None };
                parsed.options.push(value(rest, next)?);
            } else if let Some(rest) = word.strip_prefix("-J") {
                let next = if rest.is_empty() { words.next() } else { None };
                parsed.jump = Some(value(rest, next)?);
            } else {
                return Err(CarrierError::Config(format!(
                    "ssh-args: carrier = \"native\" understands -o OPTION and -J HOST, not {word}; use \
                     carrier = \"openssh\", or say it in ssh_config"
                )));
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<NativeArgs, CarrierError> {
        NativeArgs::parse(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn options_and_jumps_are_taken_in_both_spellings() {
        let parsed = parse(&["-o", "BindAddress=10.9.9.1", "-oPort=2222", "-J", "bastion"]).unwrap();
        assert_eq!(parsed.options, ["BindAddress=10.9.9.1", "Port=2222"]);
        assert_eq!(parsed.jump.as_deref(), Some("bastion"));
    }

    #[test]
    fn what_only_openssh_understands_is_refused_with_advice() {
        let error = parse(&["-4"]).unwrap_err().to_string();
        assert!(error.contains("openssh"), "{error}");
        assert!(parse(&["-o"]).unwrap_err().to_string().contains("needs a value"));
    }
}
