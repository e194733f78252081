//! One stream to the far command through several channels of one connection.
//!
//! sshd grants 2 MiB of a channel ahead and no more, whatever the path holds: 84 Mb/s through 200 ms. Each channel has a window
//! of its own, so a caller who is kept waiting by it opens another one, in which the far command is started once more, only to
//! hand on to the first one what comes. All channels share one TCP connection and so one path; only what may be under way on it
//! is more.
//!
//! The stream is cut into stripes that go through the lanes by turns. Nothing marks them, since both ends count:
//!
//! ```text
//!            where the second joins       the third
//!                      v                      v
//! lane 1  ─────────────┐      ┌──────┐        ┌ ┐      ┌─────
//! lane 2               └──────┘      └────────┘ │      │
//! lane 3                                        └──────┘
//! ```
//!
//! In a new channel the far end speaks first ([`HELLO`]), so the caller knows whom he has. He then says at which octet of the
//! stream the lane joins ([`Joint`]), and sends nothing from there on until the far end has agreed ([`Agreement`]): what it reads by
//! then, it knows the way of.
//!
//! What comes back may use the lane, too. The caller says from which octet on at the earliest, and reads no further before he has the
//! agreement, in which the far end says from which octet on it does.

mod merged;
mod need;
mod split;
mod stripes;

pub(crate) use merged::Merged;
pub(crate) use need::{Need, ahead};
pub(crate) use split::{Piece, Split};
pub(crate) use stripes::Stripes;

/// Octets that go through a lane before the next has its turn.
const STRIPE: u64 = 256 * 1024;

/// Lanes of a stream at most: OpenSSH allows ten sessions in a connection (`MaxSessions`).
pub(crate) const MOST: usize = 8;

/// What the far end says in a new lane.
pub(crate) const HELLO: &[u8] = b"pppssh lane 1\n";

/// Where a lane joins, as the caller says it: two numbers of eight octets, in network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joint {
    /// In what he sends.
    pub(crate) sent: u64,
    /// In what he receives, at the earliest; all ones if it never does.
    pub(crate) received: Option<u64>,
}

impl Joint {
    /// Octets of it.
    pub(crate) const LEN: usize = 2 * size_of::<u64>();

    pub(crate) fn emit(self) -> [u8; Self::LEN] {
        let mut octets = [0; Self::LEN];
        octets[..8].copy_from_slice(&self.sent.to_be_bytes());
        octets[8..].copy_from_slice(&emit(self.received));
        octets
    }

    pub(crate) fn parse(octets: [u8; Self::LEN]) -> Self {
        let [sent, received] = [&octets[..8], &octets[8..]].map(number);
        Self { sent, received: Some(received).filter(|position| *position != NEVER) }
    }
}

/// The far end's answer, when it knows where the lane joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// Where it joins in what the caller receives; all ones if it never does.
    pub(crate) received: Option<u64>,
}

impl Agreement {
    const AGREED: &[u8] = b"agreed\n";

    /// Octets of it.
    pub(crate) const LEN: usize = Self::AGREED.len() + size_of::<u64>();

    pub(crate) fn emit(self) -> Vec<u8> {
        [Self::AGREED, &emit(self.received)].concat()
    }

    /// `None` if it is something else.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let position = octets.strip_prefix(Self::AGREED).filter(|position| position.len() == 8)?;
        Some(Self { received: Some(number(position)).filter(|position| *position != NEVER) })
    }
}

const NEVER: u64 = u64::MAX;

fn emit(position: Option<u64>) -> [u8; 8] {
    position.unwrap_or(NEVER).to_be_bytes()
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_lane_joins_is_understood_as_it_was_said() {
        for received in [None, Some(0), Some(3 << 40)] {
            let joint = Joint { sent: 0x0123_4567_89ab_cdef, received };
            assert_eq!(Joint::parse(joint.emit()), joint);
            let agreement = Agreement { received };
            assert_eq!(agreement.emit().len(), Agreement::LEN);
            assert_eq!(Agreement::parse(&agreement.emit()), Some(agreement));
        }
        assert_eq!(
            Joint { sent: 1, received: Some(2) }.emit(),
            [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
        );
        let agreed = Agreement { received: None }.emit();
        assert_eq!(agreed, b"agreed\n\xff\xff\xff\xff\xff\xff\xff\xff");
        for other in [&agreed[1..], &agreed[..14], b"refused\n1234567", b""] {
            assert_eq!(Agreement::parse(other), None);
        }
    }
}
