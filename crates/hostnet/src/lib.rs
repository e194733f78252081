//! Addresses, routes and forwarding with a journal of every change.
