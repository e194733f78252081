//! Logging in.

use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PublicKey, load_openssh_certificate};
use russh::{AgentAuthError, MethodKind, MethodSet};
use tokio::net::UnixStream;

use super::handler::{Events, SharedLearnt, explain};
use super::keys::{FileSigner, KeyFile, SignError};
use super::prompt::{Prompt, Question, Secret};
use super::target::{AuthPolicy, Target};
use crate::CarrierError;
use crate::stderr::printable;

type Agent = AgentClient<UnixStream>;

/// Rounds of questions that a server may ask in one keyboard-interactive login.
const MOST_ROUNDS: usize = 16;

/// One login under way.
struct Login<'a> {
    handle: &'a mut Handle<Events>,
    target: &'a Target,
    prompt: &'a Arc<dyn Prompt>,
    /// What was tried, for the error.
    tried: Vec<String>,
    /// What the server would take next, once it has said so.
    methods: Option<MethodSet>,
    rsa_hash: RsaHash,
}

/// With which hash an RSA key may sign here.
#[derive(Clone, Copy)]
enum RsaHash {
    NotAsked,
    Sha2(HashAlg),
    OnlySha1,
}

/// Whether the login is done.
type Done = bool;

/// Logs in with whatever the configuration allows: agent, key files, then questions to the user.
pub(super) async fn log_in(
    handle: &mut Handle<Events>,
    target: &Target,
    prompt: &Arc<dyn Prompt>,
    learnt: &SharedLearnt,
) -> Result<(), CarrierError> {
    let mut login =
        Login { handle, target, prompt, tried: Vec::new(), methods: None, rsa_hash: RsaHash::NotAsked };
    if login.all_methods().await? {
        return Ok(());
    }
    if login.handle.is_closed() {
        let reason = learnt.lock().unwrap_or_else(std::sync::PoisonError::into_inner).reason.clone();
        let reason = reason.unwrap_or_else(|| "the connection is gone".to_owned());
        login.tried.push(format!("then {reason}"));
    }
    let methods =
        login.methods.iter().flat_map(|set| set.iter()).map(<&str>::from).map(str::to_owned).collect();
    Err(CarrierError::Auth { user: target.user.clone(), host: target.address(), tried: login.tried, methods })
}

impl Login<'_> {
    async fn all_methods(&mut self) -> Result<Done, CarrierError> {
        let policy = &self.target.auth;
        if policy.publickey && self.publickey().await? {
            return Ok(true);
        }
        if policy.batch || self.handle.is_closed() {
            return Ok(false);
        }
        if self.methods.is_none() {
            // Nothing was tried, so the server has not said yet what it takes: RFC 4252 §5.2.
            let result =
                self.handle.authenticate_none(&self.target.user).await.map_err(|error| self.gone(&error))?;
            if self.note(None, result) {
                return Ok(true);
            }
        }
        if policy.keyboard_interactive && self.keyboard_interactive().await? {
            return Ok(true);
        }
        Ok(policy.password && self.password().await?)
    }

    fn gone(&self, error: &russh::Error) -> CarrierError {
        CarrierError::Ssh { host: self.target.address(), reason: explain(error) }
    }

    /// Whether it is worth trying a method.
    fn wants(&self, method: MethodKind) -> bool {
        !self.handle.is_closed() && self.methods.as_ref().is_none_or(|set| set.contains(&method))
    }

    /// Takes down what came of an attempt.
    fn note(&mut self, what: Option<String>, result: AuthResult) -> Done {
        match result {
            AuthResult::Success => {
                tracing::debug!(host = self.target.host, user = self.target.user, by = what, "logged in");
                true
            }
            AuthResult::Failure { remaining_methods, partial_success } => {
                // Without a connection the answer is made up here, and says nothing.
                if !self.handle.is_closed() {
                    self.methods = Some(remaining_methods);
                }
                let outcome = if partial_success { "accepted, but more is wanted" } else { "refused" };
                self.tried.extend(what.map(|what| format!("{what} {outcome}")));
                false
            }
        }
    }

    async fn publickey(&mut self) -> Result<Done, CarrierError> {
        let mut files = self.load_files();
        let mut agent = self.agent().await;
        let mut held = Vec::new();
        if let Some(agent) = &mut agent {
            match agent.request_identities().await {
                Ok(identities) => held = identities,
                Err(error) => self.tried.push(format!("agent: cannot list its keys: {error}")),
            }
        }
        let is_configured = |identity: &AgentIdentity, files: &[KeyFile]| {
            files.iter().any(|file| file.public.key_data() == identity.public_key().key_data())
        };
        let mut in_agent: Vec<PublicKey> = Vec::new();
        if let Some(agent) = &mut agent {
            // Those that the user named go first: servers count attempts.
            let (configured, others): (Vec<_>, Vec<_>) =
                held.into_iter().partition(|identity| is_configured(identity, &files));
            let others = others.into_iter().filter(|_| !self.target.auth.identities_only);
            for identity in configured.into_iter().chain(others) {
                in_agent.push(identity.public_key().into_owned());
                let certificate = files
                    .iter()
                    .find(|file| file.public.key_data() == identity.public_key().key_data())
                    .and_then(|file| file.certificate.clone());
                if self.by_agent(agent, identity, certificate).await? {
                    return Ok(true);
                }
            }
        }
        for file in &mut files {
            let tried = in_agent.iter().any(|key| key.key_data() == file.public.key_data());
            if !tried && file.has_private() && self.by_file(file).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn load_files(&mut self) -> Vec<KeyFile> {
        let policy: &AuthPolicy = &self.target.auth;
        let certificates: Vec<Certificate> =
            policy.certificates.iter().filter_map(|file| load_openssh_certificate(file).ok()).collect();
        let mut files = Vec::new();
        for path in &policy.identities {
            match KeyFile::load(path, &certificates) {
                Ok(Some(file)) => files.push(file),
                Ok(None) if is_default(path) => {}
                Ok(None) => self.tried.push(format!("{}: no such file", path.display())),
                Err(reason) => self.tried.push(format!("{} {reason}", path.display())),
            }
        }
        files
    }

    /// A connection to the agent, bound to this session so that keys restricted to destinations can be used.
    async fn agent(&mut self) -> Option<Agent> {
        let socket = self.target.auth.agent.as_ref()?;
        let mut agent = match UnixStream::connect(socket).await {
            Ok(stream) => AgentClient::connect(stream),
            Err(error) => {
                self.tried.push(format!("agent at {}: {error}", socket.display()));
                return None;
            }
        };
        if let Some(binding) = self.handle.agent_session_binding()
            && let Err(error) = agent.bind_session(binding, false).await
        {
            tracing::debug!(%error, "the agent does not bind its keys to sessions");
        }
        Some(agent)
    }

    async fn by_agent(
        &mut self,
        agent: &mut Agent,
        identity: AgentIdentity,
        certificate: Option<Certificate>,
    ) -> Result<Done, CarrierError> {
        let key = identity.public_key().into_owned();
        let comment = printable(identity.comment().as_bytes());
        let what = format!("agent key {comment} {}", key.fingerprint(HashAlg::Sha256));
        let own = match identity {
            AgentIdentity::Certificate { certificate, .. } => Some(certificate),
            AgentIdentity::PublicKey { .. } => None,
        };
        let is_plain = own.is_none();
        for certificate in own.into_iter().chain(certificate).map(Some).chain(is_plain.then_some(None)) {
            if !self.wants(MethodKind::PublicKey) || !self.may_offer(&key).await? {
                return Ok(false);
            }
            let hash = self.hash_for(&key);
            let (user, what) = (&self.target.user, with_certificate(&what, certificate.as_ref()));
            let result = match certificate {
                Some(certificate) => {
                    self.handle.authenticate_certificate_with(user, certificate, hash, agent).await
                }
                None => self.handle.authenticate_publickey_with(user, key.clone(), hash, agent).await,
            };
            match result {
                Ok(result) => {
                    if self.note(Some(what), result) {
                        return Ok(true);
                    }
                }
                Err(AgentAuthError::Key(error)) => {
                    self.tried.push(format!("{what} accepted, but the agent did not sign: {error}"));
                }
                Err(AgentAuthError::Send(_)) => return Err(self.gone(&russh::Error::Disconnect)),
            }
        }
        Ok(false)
    }

    async fn by_file(&mut self, file: &mut KeyFile) -> Result<Done, CarrierError> {
        let name = file.path.display().to_string();
        let tries = if self.target.auth.batch { 0 } else { self.target.auth.password_prompts };
        for certificate in file.certificate.clone().map(Some).into_iter().chain([None]) {
            if !self.wants(MethodKind::PublicKey) || !self.may_offer(&file.public).await? {
                return Ok(false);
            }
            let hash = self.hash_for(&file.public);
            let (user, what) = (&self.target.user, with_certificate(&name, certificate.as_ref()));
            let key = file.public.clone();
            let mut signer = FileSigner { file, prompt: self.prompt, tries };
            let result = match certificate {
                Some(certificate) => {
                    self.handle.authenticate_certificate_with(user, certificate, hash, &mut signer).await
                }
                None => self.handle.authenticate_publickey_with(user, key, hash, &mut signer).await,
            };
            match result {
                Ok(result) => {
                    if self.note(Some(what), result) {
                        return Ok(true);
                    }
                }
                Err(SignError::Key(reason)) => self.tried.push(format!("{what} {reason}")),
                Err(SignError::Gone) => return Err(self.gone(&russh::Error::Disconnect)),
            }
        }
        Ok(false)
    }

    /// Whether this server can take a signature of this key. RSA is not offered with SHA-1.
    async fn may_offer(&mut self, key: &PublicKey) -> Result<bool, CarrierError> {
        if !key.algorithm().is_rsa() {
            return Ok(true);
        }
        if let RsaHash::NotAsked = self.rsa_hash {
            self.rsa_hash =
                match self.handle.best_supported_rsa_hash().await.map_err(|error| self.gone(&error))? {
                    Some(Some(hash)) => RsaHash::Sha2(hash),
                    Some(None) => RsaHash::OnlySha1,
                    // A server that does not list its algorithms (RFC 8308) is taken to know RFC 8332.
                    None => RsaHash::Sha2(HashAlg::Sha512),
                };
        }
        if let RsaHash::OnlySha1 = self.rsa_hash {
            self.tried.push("an RSA key was not offered: the server knows it only with SHA-1".to_owned());
            return Ok(false);
        }
        Ok(true)
    }

    /// The hash to sign with: RSA has several, other keys have their own.
    fn hash_for(&self, key: &PublicKey) -> Option<HashAlg> {
        match self.rsa_hash {
            RsaHash::Sha2(hash) if key.algorithm().is_rsa() => Some(hash),
            _ => None,
        }
    }

    async fn ask(&self, question: Question) -> Option<Secret> {
        let prompt = Arc::clone(self.prompt);
        tokio::task::spawn_blocking(move || prompt.ask(&question)).await.ok().flatten()
    }

    async fn keyboard_interactive(&mut self) -> Result<Done, CarrierError> {
        for _ in 0..self.target.auth.password_prompts {
            if !self.wants(MethodKind::KeyboardInteractive) {
                break;
            }
            let start =
                self.handle.authenticate_keyboard_interactive_start(&self.target.user, None::<String>);
            let mut reply = start.await.map_err(|error| self.gone(&error))?;
            for _ in 0..MOST_ROUNDS {
                let KeyboardInteractiveAuthResponse::InfoRequest { name, instructions, prompts } = reply
                else {
                    break;
                };
                for text in [name, instructions].iter().filter(|text| !text.is_empty()) {
                    self.prompt.banner(&printable(text.as_bytes()));
                }
                let mut answers = Vec::with_capacity(prompts.len());
                for prompt in prompts {
                    let text = format!("({}) {} ", self.target.host, printable(prompt.prompt.as_bytes()));
                    let Some(answer) = self.ask(Question { text, echo: prompt.echo }).await else {
                        self.tried.push("keyboard-interactive: nobody can be asked".to_owned());
                        return Ok(false);
                    };
                    answers.push(answer.expose().to_owned());
                }
                let respond = self.handle.authenticate_keyboard_interactive_respond(answers);
                reply = respond.await.map_err(|error| self.gone(&error))?;
            }
            let result = match reply {
                KeyboardInteractiveAuthResponse::Success => AuthResult::Success,
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    AuthResult::Failure { remaining_methods, partial_success }
                }
                KeyboardInteractiveAuthResponse::InfoRequest { .. } => break,
            };
            if self.note(Some("keyboard-interactive".to_owned()), result) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn password(&mut self) -> Result<Done, CarrierError> {
        for _ in 0..self.target.auth.password_prompts {
            if !self.wants(MethodKind::Password) {
                break;
            }
            let text = format!("{}@{}'s password: ", self.target.user, self.target.host);
            let Some(password) = self.ask(Question { text, echo: false }).await else {
                self.tried.push("password: nobody can be asked".to_owned());
                break;
            };
            let attempt = self.handle.authenticate_password(&self.target.user, password.expose());
            let result = attempt.await.map_err(|error| self.gone(&error))?;
            if self.note(Some("password".to_owned()), result) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn with_certificate(name: &str, certificate: Option<&Certificate>) -> String {
    match certificate {
        Some(certificate) => format!("{name} with certificate {:?}", certificate.key_id()),
        None => name.to_owned(),
    }
}

/// Whether a file is one that OpenSSH tries without being told, so that its absence means nothing.
fn is_default(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"].contains(&name)
}
