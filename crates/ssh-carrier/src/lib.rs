//! One byte stream to the other end, over SSH.
