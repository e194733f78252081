//! What LCP asks, and what it thinks of the peer's wishes.

use std::time::Duration;

use super::{
    LcpConfig, LcpOption, MRU_DEFAULT, MRU_MIN,
    authentication::Demands,
    options::{ACCM, FCS_ALTERNATIVES, MAGIC_NUMBER, MRU, QUALITY_PROTOCOL, lqr, reporting_period},
};
use crate::{
    AuthProtocol, ControlProtocolName, Express,
    frame::{Accm, ExtraEscapes, Fcs, Framing},
    fsm::{ControlProtocol, Failure, Reply, ReplyBuilder},
    packet::{Options, ParseOptionError, RawOption},
    rng::Rng,
};

/// Between a sign of a loop and the next Configure-Request, doubled with each further one up to the second.
const LOOP_PAUSE: Duration = Duration::from_millis(100);
const LOOP_PAUSE_MAX: Duration = Duration::from_millis(800);
/// The shortest Reporting-Period that we agree to: reports are to take little of the link (RFC 1989 §2.9).
const LQR_PERIOD_MIN: u32 = 100;
/// Suggested to a peer that wants another protocol, or none that makes sense: half a minute.
const LQR_PERIOD_DEFAULT: u32 = 3000;

/// What one direction of a link is agreed to be like; `default` is the RFC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) mru: u16,
    pub(crate) accm: Accm,
    /// Zero: none.
    pub(crate) magic: u32,
    pub(crate) pfc: bool,
    pub(crate) acfc: bool,
    pub(crate) fcs: Fcs,
    /// Hundredths of a second in which a report is due to the end whose terms these are; zero: for each of its own.
    pub(crate) lqr: Option<u32>,
    /// How the other end proves who it is to the one whose terms these are.
    pub(crate) auth: Option<AuthProtocol>,
    /// What is sent to the end whose terms these are beyond the RFCs.
    pub(crate) express: Option<Express>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            mru: MRU_DEFAULT,
            accm: Accm::DEFAULT,
            magic: 0,
            pfc: false,
            acfc: false,
            fcs: Fcs::Fcs16,
            lqr: None,
            auth: None,
            express: None,
        }
    }
}

impl Terms {
    /// Frames sent towards the end whose terms these are.
    pub(crate) fn framing(&self, escape: ExtraEscapes) -> Framing {
        Framing { accm: self.accm, escape, pfc: self.pfc, acfc: self.acfc, fcs: self.fcs }
    }
}

/// The options we still ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wishes {
    mru: Option<u16>,
    accm: Option<Accm>,
    magic: Option<u32>,
    pfc: bool,
    acfc: bool,
    fcs: Option<Fcs>,
    lqr: Option<u32>,
    express: Option<Express>,
}

/// LCP's options.
#[derive(Debug)]
pub(crate) struct Lcp {
    config: LcpConfig,
    rng: Rng,
    max_loopback: u32,
    wishes: Wishes,
    /// How we receive, as the peer acknowledged.
    ours: Terms,
    /// How the peer receives, as we acknowledged.
    peers: Terms,
    /// The Magic-Number in the last Configure-Nak we sent (RFC 1661 §6.4).
    naked_magic: Option<u32>,
    /// Signs of a loop in a row.
    loops: u32,
    demands: Demands,
}

impl Lcp {
    pub(crate) fn new(config: LcpConfig, demands: Demands, max_loopback: u32, rng: Rng) -> Lcp {
        let wishes = Wishes {
            mru: None,
            accm: None,
            magic: None,
            pfc: false,
            acfc: false,
            fcs: None,
            lqr: None,
            express: None,
        };
        Lcp {
            config,
            rng,
            max_loopback,
            wishes,
            ours: Terms::default(),
            peers: Terms::default(),
            naked_magic: None,
            loops: 0,
            demands,
        }
    }

    pub(crate) fn ours(&self) -> &Terms {
        &self.ours
    }

    pub(crate) fn peers(&self) -> &Terms {
        &self.peers
    }

    /// The authentication the peer demanded in this negotiation and did not get.
    pub(crate) fn refused_auth(&self) -> Option<&str> {
        self.demands.refused()
    }

    /// A packet with our own Magic-Number came in; true if that happened too often.
    pub(crate) fn saw_own_magic(&mut self) -> bool {
        self.loops += 1;
        self.is_looped_back()
    }

    pub(crate) fn is_looped_back(&self) -> bool {
        self.loops >= self.max_loopback
    }

    /// The value to nak an option of a wrong Length with (RFC 1661 §6); none for one that has no value (§5.3).
    fn proper(&mut self, kind: u8) -> Option<Vec<u8>> {
        Some(match kind {
            MRU => LcpOption::Mru(MRU_DEFAULT).data(),
            ACCM => LcpOption::Accm(Accm::NONE).data(),
            MAGIC_NUMBER => LcpOption::MagicNumber(self.rng.magic()).data(),
            FCS_ALTERNATIVES => LcpOption::FcsAlternatives(self.config.fcs).data(),
            QUALITY_PROTOCOL => self.proper_quality(),
            _ => return None,
        })
    }

    fn proper_quality(&self) -> Vec<u8> {
        lqr(self.report_period().unwrap_or(LQR_PERIOD_DEFAULT)).data()
    }

    /// The Reporting-Period to ask for.
    fn report_period(&self) -> Option<u32> {
        let hundredths = self.config.lqm.period?.as_millis() / 10;
        Some(u32::try_from(hundredths).unwrap_or(u32::MAX)).filter(|&hundredths| hundredths > 0)
    }

    /// Naks a Magic-Number: with zero, or with ours, the line may be looped back (RFC 1661 §6.4).
    fn nak_magic(&mut self, reply: &mut ReplyBuilder) {
        let magic = self.rng.magic();
        self.naked_magic = Some(magic);
        reply.nak_always(MAGIC_NUMBER, &magic.to_be_bytes());
    }

    fn nak_or_judge(&mut self, option: RawOption<'_>, terms: &mut Terms, reply: &mut ReplyBuilder) {
        let parsed = match LcpOption::parse_raw(option) {
            _ if option.kind == QUALITY_PROTOCOL && !self.config.lqm.answer => return reply.reject(option),
            Ok(parsed) => parsed,
            Err(ParseOptionError::Unknown) => return reply.reject(option),
            Err(ParseOptionError::BadLength) => {
                return match self.proper(option.kind) {
                    Some(proper) => reply.nak(option, &proper),
                    None => reply.reject(option),
                };
            }
        };
        match parsed {
            LcpOption::Mru(mru) if mru >= MRU_MIN => terms.mru = mru,
            LcpOption::Mru(_) => reply.nak(option, &MRU_MIN.to_be_bytes()),
            LcpOption::Accm(accm) => terms.accm = accm,
            LcpOption::AuthenticationProtocol(_) => self.demands.judge(option, &mut terms.auth, reply),
            LcpOption::MagicNumber(magic) if magic == 0 || self.wishes.magic == Some(magic) => {
                self.nak_magic(reply);
            }
            LcpOption::MagicNumber(magic) => terms.magic = magic,
            LcpOption::Pfc if self.config.pfc => terms.pfc = true,
            LcpOption::Acfc if self.config.acfc => terms.acfc = true,
            LcpOption::Express(express) if self.config.express.is_some() => terms.express = Some(express),
            LcpOption::Pfc | LcpOption::Acfc | LcpOption::Express(_) => reply.reject(option),
            LcpOption::QualityProtocol(data) => match reporting_period(&data) {
                // As we never ask for zero ourselves, the peer may (RFC 1989 §2.5).
                Some(period) if period == 0 || period >= LQR_PERIOD_MIN => terms.lqr = Some(period),
                Some(_) => reply.nak(option, &lqr(LQR_PERIOD_MIN).data()),
                None => reply.nak(option, &self.proper_quality()),
            },
            LcpOption::FcsAlternatives(fcs) if fcs == self.config.fcs || fcs == Fcs::Fcs16 => terms.fcs = fcs,
            LcpOption::FcsAlternatives(_) if self.config.fcs == Fcs::Fcs16 => reply.reject(option),
            LcpOption::FcsAlternatives(_) => {
                reply.nak(option, &LcpOption::FcsAlternatives(self.config.fcs).data());
            }
        }
    }

    fn naked_magic_received(&mut self, magic: u32) -> Result<(), Failure> {
        // §6.4: our own Configure-Nak coming back is a further sign, any other proves that there is a peer.
        if self.naked_magic == Some(magic) {
            if self.saw_own_magic() {
                return Err(String::from("loopback detected"));
            }
        } else {
            self.loops = 0;
        }
        self.wishes.magic = Some(self.rng.magic());
        Ok(())
    }
}

impl ControlProtocol for Lcp {
    const NAME: ControlProtocolName = ControlProtocolName::Lcp;

    fn restart(&mut self) {
        let LcpConfig { mru, accm, magic, pfc, acfc, fcs, .. } = self.config;
        self.wishes = Wishes {
            mru: Some(mru).filter(|&mru| mru != MRU_DEFAULT),
            accm: Some(accm).filter(|&accm| accm != Accm::DEFAULT),
            magic: magic.then(|| self.rng.magic()),
            pfc,
            acfc,
            fcs: Some(fcs).filter(|&fcs| fcs != Fcs::Fcs16),
            lqr: self.report_period(),
            express: self.config.express,
        };
        self.ours = Terms::default();
        self.peers = Terms::default();
        self.naked_magic = None;
        self.loops = 0;
        self.demands.restart();
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        let Wishes { mru, accm, magic, pfc, acfc, fcs, lqr: period, express } = self.wishes;
        let options = [
            mru.map(LcpOption::Mru),
            accm.map(LcpOption::Accm),
            period.map(lqr),
            self.demands.asked().map(|method| LcpOption::AuthenticationProtocol(method.option().to_vec())),
            magic.map(LcpOption::MagicNumber),
            pfc.then_some(LcpOption::Pfc),
            acfc.then_some(LcpOption::Acfc),
            fcs.map(LcpOption::FcsAlternatives),
            express.map(LcpOption::Express),
        ];
        options.iter().flatten().for_each(|option| option.emit(out));
    }

    fn receive_request(&mut self, options: Options<'_>, mut reply: ReplyBuilder) -> Result<Reply, Failure> {
        let mut terms = Terms::default();
        self.naked_magic = None;
        options.iter().for_each(|option| self.nak_or_judge(option, &mut terms, &mut reply));
        let reply = reply.finish();
        if reply == Reply::Ack {
            self.peers = terms;
        }
        Ok(reply)
    }

    fn receive_ack(&mut self) {
        let Wishes { mru, accm, magic, pfc, acfc, fcs, lqr, express } = self.wishes;
        let default = Terms::default();
        self.ours = Terms {
            mru: mru.unwrap_or(default.mru),
            accm: accm.unwrap_or(default.accm),
            magic: magic.unwrap_or(default.magic),
            pfc,
            acfc,
            fcs: fcs.unwrap_or(default.fcs),
            lqr,
            auth: self.demands.asked(),
            express,
        };
    }

    fn receive_nak(&mut self, options: Options<'_>, insists: bool) -> Result<(), Failure> {
        for option in options.iter() {
            let wishes = &mut self.wishes;
            match LcpOption::parse_raw(option) {
                // A smaller MRU is no loss, a larger one we did not want.
                Ok(LcpOption::Mru(mru)) if insists || mru > self.config.mru || mru < MRU_MIN => {
                    wishes.mru = None;
                }
                Ok(LcpOption::Mru(mru)) => wishes.mru = Some(mru),
                // RFC 1662 §7.1: the union of what both ends need.
                Ok(LcpOption::Accm(accm)) => {
                    wishes.accm =
                        Some(Accm(wishes.accm.unwrap_or(self.config.accm).0 | accm.0)).filter(|_| !insists);
                }
                Ok(LcpOption::MagicNumber(magic)) if wishes.magic.is_some() => {
                    self.naked_magic_received(magic)?;
                }
                Ok(LcpOption::Pfc) => wishes.pfc = false,
                Ok(LcpOption::Acfc) => wishes.acfc = false,
                Ok(LcpOption::FcsAlternatives(_)) => wishes.fcs = None,
                Ok(LcpOption::Express(_)) => wishes.express = None,
                // Another period is as good; that the peer has no timer either, or another protocol, is not.
                Ok(LcpOption::QualityProtocol(data)) if wishes.lqr.is_some() => {
                    wishes.lqr = reporting_period(&data).filter(|&period| period > 0 && !insists);
                }
                Ok(LcpOption::AuthenticationProtocol(data)) => self.demands.naked(&data),
                // §5.3: options we did not ask for are the peer's wishes; these we do not share.
                Ok(LcpOption::MagicNumber(_) | LcpOption::QualityProtocol(_))
                | Err(ParseOptionError::Unknown | ParseOptionError::BadLength) => {}
            }
        }
        Ok(())
    }

    fn receive_reject(&mut self, options: Options<'_>) -> Result<(), Failure> {
        for option in options.iter() {
            match LcpOption::parse_raw(option) {
                Ok(LcpOption::Mru(_)) => self.wishes.mru = None,
                Ok(LcpOption::Accm(_)) => self.wishes.accm = None,
                Ok(LcpOption::MagicNumber(_)) => self.wishes.magic = None,
                Ok(LcpOption::Pfc) => self.wishes.pfc = false,
                Ok(LcpOption::Acfc) => self.wishes.acfc = false,
                Ok(LcpOption::FcsAlternatives(_)) => self.wishes.fcs = None,
                Ok(LcpOption::Express(_)) => self.wishes.express = None,
                Ok(LcpOption::QualityProtocol(_)) => self.wishes.lqr = None,
                Ok(LcpOption::AuthenticationProtocol(_)) => self.demands.rejected(),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// A terminal that echoes until a slow program makes it raw looks like a loop: it gets time.
    fn pause(&self) -> Option<Duration> {
        let doublings = self.loops.checked_sub(1)?;
        Some(LOOP_PAUSE_MAX.min(LOOP_PAUSE * 2_u32.saturating_pow(doublings.min(16))))
    }

    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
