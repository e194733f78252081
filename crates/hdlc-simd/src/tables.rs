//! Shuffles that put octets apart or together. An index with its highest bit set gives no octet but zero.

/// The index of no octet.
pub(crate) const NONE: u8 = 0x80;

/// `[n]`: makes room before octet *n* of sixteen; the last one falls out. `[16]` leaves all as it is.
pub(crate) static GAP_BEFORE: [[u8; 16]; 17] = {
    let mut shuffles = [[0; 16]; 17];
    let mut gap = 0;
    while gap <= 16 {
        let mut to = 0;
        while to < 16 {
            shuffles[gap][to] = match to {
                _ if to < gap => to as u8,
                _ if to == gap => NONE,
                _ => to as u8 - 1,
            };
            to += 1;
        }
        gap += 1;
    }
    shuffles
};

/// `[n]`: closes up over octet *n* of sixteen. `[16]` leaves all as it is.
pub(crate) static WITHOUT: [[u8; 16]; 17] = {
    let mut shuffles = [[NONE; 16]; 17];
    let mut without = 0;
    while without <= 16 {
        let mut to = 0;
        while to < 16 {
            let from = if to < without { to } else { to + 1 };
            if from < 16 {
                shuffles[without][to] = from as u8;
            }
            to += 1;
        }
        without += 1;
    }
    shuffles
};

/// `[set]`: makes room before each of eight octets whose bit is set.
pub(crate) static GAPS_BEFORE: [[u8; 16]; 256] = {
    let mut shuffles = [[NONE; 16]; 256];
    let mut set = 0;
    while set < 256 {
        let (mut from, mut to) = (0, 0);
        while from < 8 {
            to += set >> from & 1;
            shuffles[set][to] = from as u8;
            to += 1;
            from += 1;
        }
        set += 1;
    }
    shuffles
};

/// `[set]`: closes up over each of eight octets whose bit is set.
pub(crate) static ALL_WITHOUT: [[u8; 8]; 256] = {
    let mut shuffles = [[NONE; 8]; 256];
    let mut set = 0;
    while set < 256 {
        let (mut from, mut to) = (0, 0);
        while from < 8 {
            if set >> from & 1 == 0 {
                shuffles[set][to] = from as u8;
                to += 1;
            }
            from += 1;
        }
        set += 1;
    }
    shuffles
};

/// Sixteen of its octets from *n* on move the first *n* octets of sixteen to the end, with zeros before them.
pub(crate) static TO_THE_END: [u8; 32] = {
    let mut shuffle = [NONE; 32];
    let mut from = 0;
    while from < 16 {
        shuffle[16 + from] = from as u8;
        from += 1;
    }
    shuffle
};
