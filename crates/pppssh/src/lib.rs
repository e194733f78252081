//! A point-to-point IP link over an SSH login.
