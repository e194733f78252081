//! The vocabulary that the end-to-end tests are told in.
