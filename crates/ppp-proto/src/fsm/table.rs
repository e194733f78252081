//! The state transition table (RFC 1661 §4.1).

use super::{Action, Event, Note, State};

/// What one cell of the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// What to do, in this order.
    pub list: &'static [Action],
    /// The letter behind the new state.
    pub note: Option<Note>,
    /// Whether the cell is not `-`: events that cannot happen change nothing.
    pub possible: bool,
}

/// Writes the function from the RFC's two half tables, so that the page can be held beside the code.
macro_rules! state_transition_table {
    (
        { $($low:ident $c0:tt $c1:tt $c2:tt $c3:tt $c4:tt $c5:tt)* }
        { $($high:ident $c6:tt $c7:tt $c8:tt $c9:tt)* }
    ) => {
        /// The new state, and what to do on the way there.
        pub const fn transition(state: State, event: Event) -> (State, Actions) {
            match state {
                State::Initial => match event { $(Event::$low => cell!(state $c0)),* },
                State::Starting => match event { $(Event::$low => cell!(state $c1)),* },
                State::Closed => match event { $(Event::$low => cell!(state $c2)),* },
                State::Stopped => match event { $(Event::$low => cell!(state $c3)),* },
                State::Closing => match event { $(Event::$low => cell!(state $c4)),* },
                State::Stopping => match event { $(Event::$low => cell!(state $c5)),* },
                State::ReqSent => match event { $(Event::$high => cell!(state $c6)),* },
                State::AckRcvd => match event { $(Event::$high => cell!(state $c7)),* },
                State::AckSent => match event { $(Event::$high => cell!(state $c8)),* },
                State::Opened => match event { $(Event::$high => cell!(state $c9)),* },
            }
        }
    };
}

/// One cell: `(-)`, `(2)` or `(irc,scr/6)`.
macro_rules! cell {
    ($state:ident (-)) => { ($state, Actions { list: &[], note: None, possible: false }) };
    ($state:ident ($next:tt)) => { next!([] $next) };
    ($state:ident ($($action:ident),* / $next:tt)) => { next!([$(Action::$action),*] $next) };
}

/// The number of the new state, with its note.
macro_rules! next {
    ($list:tt 0) => { to!($list Initial) };
    ($list:tt 1) => { to!($list Starting) };
    ($list:tt 2) => { to!($list Closed) };
    ($list:tt 3) => { to!($list Stopped) };
    ($list:tt 4) => { to!($list Closing) };
    ($list:tt 5) => { to!($list Stopping) };
    ($list:tt 6) => { to!($list ReqSent) };
    ($list:tt 7) => { to!($list AckRcvd) };
    ($list:tt 8) => { to!($list AckSent) };
    ($list:tt 9) => { to!($list Opened) };
    ($list:tt 3r) => { to!($list Stopped Restart) };
    ($list:tt 5r) => { to!($list Stopping Restart) };
    ($list:tt 9r) => { to!($list Opened Restart) };
    ($list:tt 3p) => { to!($list Stopped Passive) };
    ($list:tt 6x) => { to!($list ReqSent Crossed) };
}

macro_rules! to {
    ($list:tt $next:ident) => {
        (State::$next, Actions { list: &$list, note: None, possible: true })
    };
    ($list:tt $next:ident $note:ident) => {
        (State::$next, Actions { list: &$list, note: Some(Note::$note), possible: true })
    };
}

state_transition_table! {
    { //       0 Initial  1 Starting   2 Closed     3 Stopped        4 Closing  5 Stopping
        Up      (2)        (irc,scr/6)  (-)          (-)              (-)        (-)
        Down    (-)        (-)          (0)          (tls/1)          (0)        (1)
        Open    (tls/1)    (1)          (irc,scr/6)  (3r)             (5r)       (5r)
        Close   (0)        (tlf/0)      (2)          (2)              (4)        (4)

        ToPlus  (-)        (-)          (-)          (-)              (str/4)    (str/5)
        ToMinus (-)        (-)          (-)          (-)              (tlf/2)    (tlf/3)

        RcrPlus (-)        (-)          (sta/2)      (irc,scr,sca/8)  (4)        (5)
        RcrMinus(-)        (-)          (sta/2)      (irc,scr,scn/6)  (4)        (5)
        Rca     (-)        (-)          (sta/2)      (sta/3)          (4)        (5)
        Rcn     (-)        (-)          (sta/2)      (sta/3)          (4)        (5)

        Rtr     (-)        (-)          (sta/2)      (sta/3)          (sta/4)    (sta/5)
        Rta     (-)        (-)          (2)          (3)              (tlf/2)    (tlf/3)

        Ruc     (-)        (-)          (scj/2)      (scj/3)          (scj/4)    (scj/5)
        RxjPlus (-)        (-)          (2)          (3)              (4)        (5)
        RxjMinus(-)        (-)          (tlf/2)      (tlf/3)          (tlf/2)    (tlf/3)

        Rxr     (-)        (-)          (2)          (3)              (4)        (5)
    }
    { //       6 Req-Sent   7 Ack-Rcvd   8 Ack-Sent   9 Opened
        Up      (-)          (-)          (-)          (-)
        Down    (1)          (1)          (1)          (tld/1)
        Open    (6)          (7)          (8)          (9r)
        Close   (irc,str/4)  (irc,str/4)  (irc,str/4)  (tld,irc,str/4)

        ToPlus  (scr/6)      (scr/6)      (scr/8)      (-)
        ToMinus (tlf/3p)     (tlf/3p)     (tlf/3p)     (-)

        RcrPlus (sca/8)      (sca,tlu/9)  (sca/8)      (tld,scr,sca/8)
        RcrMinus(scn/6)      (scn/7)      (scn/6)      (tld,scr,scn/6)
        Rca     (irc/7)      (scr/6x)     (irc,tlu/9)  (tld,scr/6x)
        Rcn     (irc,scr/6)  (scr/6x)     (irc,scr/8)  (tld,scr/6x)

        Rtr     (sta/6)      (sta/6)      (sta/6)      (tld,zrc,sta/5)
        Rta     (6)          (6)          (8)          (tld,scr/6)

        Ruc     (scj/6)      (scj/7)      (scj/8)      (scj/9)
        RxjPlus (6)          (6)          (8)          (9)
        RxjMinus(tlf/3)      (tlf/3)      (tlf/3)      (tld,irc,str/5)

        Rxr     (6)          (7)          (8)          (ser/9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1661 §4.1, as printed.
    const STATES_0_TO_5: &str = "
         Up   |    2     irc,scr/6     -         -         -         -
         Down |    -         -         0       tls/1       0         1
         Open |  tls/1       1     irc,scr/6     3r        5r        5r
         Close|    0       tlf/0       2         2         4         4
          TO+ |    -         -         -         -       str/4     str/5
          TO- |    -         -         -         -       tlf/2     tlf/3
         RCR+ |    -         -       sta/2 irc,scr,sca/8   4         5
         RCR- |    -         -       sta/2 irc,scr,scn/6   4         5
         RCA  |    -         -       sta/2     sta/3       4         5
         RCN  |    -         -       sta/2     sta/3       4         5
         RTR  |    -         -       sta/2     sta/3     sta/4     sta/5
         RTA  |    -         -         2         3       tlf/2     tlf/3
         RUC  |    -         -       scj/2     scj/3     scj/4     scj/5
         RXJ+ |    -         -         2         3         4         5
         RXJ- |    -         -       tlf/2     tlf/3     tlf/2     tlf/3
         RXR  |    -         -         2         3         4         5
    ";
    const STATES_6_TO_9: &str = "
         Up   |    -         -         -           -
         Down |    1         1         1         tld/1
         Open |    6         7         8           9r
         Close|irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
          TO+ |  scr/6     scr/6     scr/8         -
          TO- | tlf/3p    tlf/3p    tlf/3p         -
         RCR+ |  sca/8   sca,tlu/9   sca/8   tld,scr,sca/8
         RCR- |  scn/6     scn/7     scn/6   tld,scr,scn/6
         RCA  |  irc/7     scr/6x  irc,tlu/9   tld,scr/6x
         RCN  |irc,scr/6   scr/6x  irc,scr/8   tld,scr/6x
         RTR  |  sta/6     sta/6     sta/6   tld,zrc,sta/5
         RTA  |    6         6         8       tld,scr/6
         RUC  |  scj/6     scj/7     scj/8       scj/9
         RXJ+ |    6         6         8           9
         RXJ- |  tlf/3     tlf/3     tlf/3   tld,irc,str/5
         RXR  |    6         7         8         ser/9
    ";

    /// A cell as the RFC prints it.
    fn printed(state: State, event: Event) -> String {
        let (next, Actions { list, note, possible }) = transition(state, event);
        if !possible {
            assert_eq!((next, list, note), (state, &[][..], None), "{state} {event}");
            return String::from("-");
        }
        let actions: Vec<String> = list.iter().map(ToString::to_string).collect();
        let slash = if actions.is_empty() { "" } else { "/" };
        let note = note.map_or(String::new(), |note| note.to_string());
        format!("{}{slash}{}{note}", actions.join(","), next.number())
    }

    #[test]
    fn all_160_cells_are_those_of_the_rfc() {
        let mut cells = 0;
        for (table, states) in [(STATES_0_TO_5, &State::ALL[..6]), (STATES_6_TO_9, &State::ALL[6..])] {
            let mut rows = table.lines().filter(|line| !line.trim().is_empty());
            for event in Event::ALL {
                let (name, row) = rows.next().unwrap().split_once('|').unwrap();
                assert_eq!(name.trim(), event.to_string());
                let row: Vec<&str> = row.split_whitespace().collect();
                assert_eq!(row.len(), states.len());
                for (&state, cell) in states.iter().zip(row) {
                    assert_eq!(printed(state, event), cell, "event {event} in state {state}");
                    cells += 1;
                }
            }
            assert_eq!(rows.next(), None);
        }
        assert_eq!(cells, 160);
    }
}
