//! What russh tells us about a connection while it lasts.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId, ChannelOpenFailure, Names, Sig};

use super::host_key::Verifier;
use super::prompt::Prompt;
use crate::CarrierError;
use crate::ending::{Ending, EndingTx};

/// What was learnt about the connection.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    pub(super) cipher: Option<String>,
    /// The far command's channel.
    pub(super) command: Option<ChannelId>,
    /// Why the connection ended.
    pub(super) reason: Option<String>,
}

/// Shared between the connection's task and us.
pub(super) type SharedLearnt = Arc<Mutex<Learnt>>;

pub(super) struct Events {
    pub(super) host: String,
    pub(super) verifier: Verifier,
    pub(super) prompt: Arc<dyn Prompt>,
    pub(super) learnt: SharedLearnt,
    pub(super) ending: EndingTx,
    /// How the far command ended, until its channel is closed.
    pub(super) exit: Option<Ending>,
}

/// A [`CarrierError`] that russh can hand through.
#[derive(Debug)]
pub(super) struct HandlerError(pub(super) Box<CarrierError>);

impl From<CarrierError> for HandlerError {
    fn from(error: CarrierError) -> Self {
        Self(Box::new(error))
    }
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        CarrierError::Ssh { host: String::new(), reason: explain(&error) }.into()
    }
}

/// What a russh error means, in words.
pub(super) fn explain(error: &russh::Error) -> String {
    match error {
        russh::Error::HUP | russh::Error::Disconnect => "the server closed the connection".to_owned(),
        russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        russh::Error::NoCommonAlgo { kind, ours, theirs } => format!(
            "no {kind:?} algorithm in common: here [{}], there [{}]; the openssh carrier may know more",
            ours.join(", "),
            theirs.join(", ")
        ),
        russh::Error::Version => "what answers there does not speak SSH 2".to_owned(),
        russh::Error::KeepaliveTimeout => "the server did not answer (ServerAliveInterval)".to_owned(),
        other => other.to_string(),
    }
}

impl Events {
    fn learn(&self, what: impl FnOnce(&mut Learnt)) {
        what(&mut self.learnt.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether a channel is the far command's, and no other that carries a part of the same stream.
    fn is_commands(&self, channel: ChannelId) -> bool {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).command == Some(channel)
    }
}

/// A client that asked for no forwarding has no use for a channel that the server opens.
async fn refuse(reply: ChannelOpenHandle) -> Result<(), HandlerError> {
    reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}

impl Handler for Events {
    type Error = HandlerError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, HandlerError> {
        self.verifier.verify(key).map_err(CarrierError::from)?;
        Ok(true)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &Names,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        tracing::debug!(
            host = self.host,
            cipher = names.cipher.as_ref(),
            kex = names.kex.as_ref(),
            "keys exchanged"
        );
        self.learn(|learnt| learnt.cipher = Some(names.cipher.as_ref().to_owned()));
        Ok(())
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), HandlerError> {
        let text: Vec<String> =
            banner.lines().map(|line| crate::stderr::printable(line.as_bytes())).collect();
        self.prompt.banner(&text.join("\n"));
        Ok(())
    }

    async fn exit_status(
        &mut self,
        channel: ChannelId,
        status: u32,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.is_commands(channel) {
            self.exit = Some(if status == 0 {
                Ending::Clean
            } else {
                Ending::Exited { status: Some(status), signal: None }
            });
        }
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _core_dumped: bool,
        message: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        tracing::debug!(host = self.host, ?signal, message, "the far command was ended");
        let name = match signal {
            Sig::Custom(name) => name,
            known => format!("{known:?}"),
        };
        if self.is_commands(channel) {
            self.exit = Some(Ending::Exited { status: None, signal: Some(name) });
        }
        Ok(())
    }

    async fn channel_failure(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), HandlerError> {
        // The only request that is answered is the exec request.
        if self.is_commands(channel) {
            self.ending.tell(Ending::ExecRefused { host: self.host.clone() });
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), HandlerError> {
        if self.is_commands(channel) {
            self.ending.tell(self.exit.take().unwrap_or(Ending::Exited { status: None, signal: None }));
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandlerError>) -> Result<(), HandlerError> {
        let reason = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the server disconnected: {}", crate::stderr::printable(info.message.as_bytes()))
            }
            DisconnectReason::Error(HandlerError(error)) => match *error {
                CarrierError::Ssh { reason, .. } => reason,
                other => other.to_string(),
            },
        };
        tracing::debug!(host = self.host, reason, "disconnected");
        self.learn(|learnt| learnt.reason = Some(reason.clone()));
        self.ending.tell(self.exit.take().unwrap_or(Ending::Ssh { host: self.host.clone(), reason }));
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        refuse(reply).await
    }
}
