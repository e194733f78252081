//! Which authentication is agreed on, in each direction (RFC 1661 §6.2).

use super::options::auth_name;
use crate::{AuthProtocol, fsm::ReplyBuilder, packet::RawOption};

/// What we demand of the peer, and what it may demand of us.
#[derive(Debug, Default)]
pub(crate) struct Demands {
    /// What the peer may prove itself by, the most wanted first.
    demanded: Vec<AuthProtocol>,
    /// What we can prove ourselves by, the most wanted first.
    provable: Vec<AuthProtocol>,
    /// What is left of `demanded` in this negotiation; the first is asked for.
    left: Vec<AuthProtocol>,
    /// The last demand of the peer that was not granted.
    refused: Option<String>,
}

impl Demands {
    pub(crate) fn new(demanded: Vec<AuthProtocol>, provable: Vec<AuthProtocol>) -> Demands {
        Demands { left: demanded.clone(), demanded, provable, refused: None }
    }

    pub(super) fn restart(&mut self) {
        self.left.clone_from(&self.demanded);
        self.refused = None;
    }

    /// What to ask for.
    pub(super) fn asked(&self) -> Option<AuthProtocol> {
        self.left.first().copied()
    }

    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The peer would rather use another method. Once it did not want one, it is not asked for that again; when none is
    /// left, LCP opens without any, and the link does not go on from there.
    pub(super) fn naked(&mut self, wanted: &[u8]) {
        if !self.left.is_empty() {
            self.left.remove(0);
        }
        let wanted = AuthProtocol::of_option(wanted);
        self.left.sort_by_key(|method| Some(*method) != wanted);
    }

    /// The peer does not prove itself by any method.
    pub(super) fn rejected(&mut self) {
        self.left.clear();
    }

    /// The peer demands a proof. A second demand in one request is refused: there is one exchange.
    pub(super) fn judge(
        &mut self,
        option: RawOption<'_>,
        agreed: &mut Option<AuthProtocol>,
        reply: &mut ReplyBuilder,
    ) {
        let method = AuthProtocol::of_option(option.data).filter(|method| self.provable.contains(method));
        match (method, self.provable.first()) {
            _ if agreed.is_some() => reply.reject(option),
            (Some(method), _) => {
                self.refused = None;
                *agreed = Some(method);
            }
            (None, better) => {
                self.refused = Some(auth_name(option.data));
                match better {
                    Some(better) => reply.nak(option, better.option()),
                    None => reply.reject(option),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsm::Reply;

    use AuthProtocol::{ChapMd5, Pap};

    fn judged(demands: &mut Demands, option: &[u8]) -> (Option<AuthProtocol>, Reply) {
        let mut reply = ReplyBuilder::new(true);
        let mut agreed = None;
        demands.judge(RawOption { kind: 3, data: option }, &mut agreed, &mut reply);
        (agreed, reply.finish())
    }

    #[test]
    fn a_naked_demand_falls_back_in_order_or_to_what_the_peer_wants_and_comes_to_an_end() {
        let mut demands = Demands::new(vec![ChapMd5, Pap], vec![]);
        assert_eq!(demands.asked(), Some(ChapMd5));
        demands.naked(&[0xc2, 0x27]);
        assert_eq!(demands.asked(), Some(Pap));
        demands.naked(ChapMd5.option());
        assert_eq!(demands.asked(), None, "what was naked once is not asked for again");
        demands.restart();
        assert_eq!(demands.asked(), Some(ChapMd5));
        demands.rejected();
        assert_eq!(demands.asked(), None);
        demands.naked(Pap.option());
        assert_eq!(demands.asked(), None);
    }

    #[test]
    fn a_demand_is_granted_naked_or_rejected_by_what_can_be_proved() {
        let mut demands = Demands::new(vec![], vec![ChapMd5]);
        assert_eq!(judged(&mut demands, ChapMd5.option()), (Some(ChapMd5), Reply::Ack));
        assert_eq!(judged(&mut demands, Pap.option()), (None, Reply::Nak(vec![3, 5, 0xc2, 0x23, 5])));
        assert_eq!(demands.refused(), Some("pap"));
        let mut nothing = Demands::default();
        assert_eq!(judged(&mut nothing, Pap.option()), (None, Reply::Reject(vec![3, 4, 0xc0, 0x23])));
    }

    #[test]
    fn of_two_demands_in_one_request_the_second_is_rejected() {
        let mut demands = Demands::new(vec![], vec![ChapMd5, Pap]);
        let (mut reply, mut agreed) = (ReplyBuilder::new(true), None);
        for method in [Pap, ChapMd5] {
            demands.judge(RawOption { kind: 3, data: method.option() }, &mut agreed, &mut reply);
        }
        assert_eq!(reply.finish(), Reply::Reject(vec![3, 5, 0xc2, 0x23, 5]));
    }
}
