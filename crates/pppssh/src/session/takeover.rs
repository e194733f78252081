//! One link for each address: a caller who comes back is let in before his last link is noticed to be dead.
//!
//! When the network between two hosts breaks, the called end learns of it only by its keepalive. The caller has long
//! redialled by then, and would find his own routes taken.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::control::{RuntimeDirs, client};
use crate::status::Role;

/// How long another session may take to undo what it changed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends every other answering session of this user whose peer has the address `remote`.
pub(super) async fn end_others(dirs: &RuntimeDirs, own: &str, remote: Ipv4Addr) {
    for other in client::sessions(dirs).await {
        if other.name == own {
            continue;
        }
        let Ok(status) = other.status().await else { continue };
        let answers = matches!(status.role, Role::Serve | Role::Listen);
        if !answers || status.ipv4.is_none_or(|ipv4| ipv4.remote != remote) {
            continue;
        }
        info!("{remote} called again: ending its earlier session {}", other.name);
        match timeout(PATIENCE, other.give_way()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the earlier session {} did not give way", other.name),
            Err(_) => warn!("the earlier session {} takes longer than {PATIENCE:?} to give way", other.name),
        }
    }
}
