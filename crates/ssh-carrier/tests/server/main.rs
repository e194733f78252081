//! The embedded server, called by OpenSSH's `ssh`, by russh, and by those who are up to no good.

mod login;
mod native;
mod sessions;
mod strangers;
mod support;
