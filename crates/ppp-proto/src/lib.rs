//! PPP framing, negotiation and the sans-IO link.
