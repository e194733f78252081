//! One end of a link.
