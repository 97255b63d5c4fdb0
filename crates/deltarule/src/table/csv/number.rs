//! Numbers read where they stand, without looking for their end first.

/// 10⁰ … 10¹⁹; those up to 10²² are exact as doubles.
const POWERS: [f64; 20] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19,
];

/// A decimal number that begins at `at` and ends with `delimiter`, a line break or the bytes, and where it ends; `None`
/// where it is no such number, or one that this does not read to the last bit.
///
/// Up to 19 digits that make an integer up to 2⁵³, divided by a power of ten up to 10¹⁹: both are exact, so the quotient
/// is the double nearest to the number (Clinger 1990, «How to Read Floating Point Numbers Accurately», §4).
#[inline]
pub(super) fn short_number(bytes: &[u8], at: usize, delimiter: u8) -> Option<(f64, usize)> {
    const MOST_DIGITS: usize = 19; // fit in 64 bits
    let mut rest = bytes.get(at..)?;
    let length = rest.len();
    let negative = rest.first() == Some(&b'-');
    if negative || rest.first() == Some(&b'+') {
        rest = &rest[1..];
    }
    let (mut mantissa, mut digits, mut decimals) = (0_u64, rest.len(), 0);
    while let [byte, after @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        rest = after;
    }
    digits -= rest.len();
    if let [b'.', after @ ..] = rest {
        rest = after;
        decimals = rest.len();
        while let [byte, after @ ..] = rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            rest = after;
        }
        decimals -= rest.len();
        digits += decimals;
    }
    let ends = match rest.first() {
        Some(&byte) => byte == delimiter || byte == b'\n' || byte == b'\r',
        None => true,
    };
    if !ends || digits == 0 || digits > MOST_DIGITS || mantissa > 1 << 53 {
        return None;
    }
    let value = mantissa as f64 / POWERS[decimals];
    Some((if negative { -value } else { value }, at + length - rest.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_stops_where_the_cell_does() {
        assert_eq!(short_number(b"x,-12.5,3", 2, b','), Some((-12.5, 7)));
        assert_eq!(short_number(b"+.5\n", 0, b','), Some((0.5, 3)));
        assert_eq!(short_number(b"5.\r\n", 0, b','), Some((5.0, 2)));
        assert_eq!(short_number(b"7", 0, b','), Some((7.0, 1)));
        assert!(short_number(b"-0,", 0, b',').is_some_and(|(zero, _)| zero.is_sign_negative()));
        for other in
            ["", ".", "-", "-.", "1e5", "1 ", "0x1", "1.2.3", "--1", "9007199254740993", "1,5;", "inf"]
        {
            assert_eq!(short_number(other.as_bytes(), 0, b';'), None, "{other}");
        }
        assert_eq!(short_number(b"00000000000000000001", 0, b','), None); // 20 digits
    }

    proptest! {
        /// What it reads is what the standard library reads, bit for bit.
        #[test]
        fn it_agrees_with_the_standard_library(word in "[+-]?[0-9]{0,12}(\\.[0-9]{0,12})?") {
            if let Some((value, end)) = short_number(word.as_bytes(), 0, b',') {
                prop_assert_eq!(end, word.len());
                prop_assert_eq!(Ok(value.to_bits()), word.parse::<f64>().map(f64::to_bits));
            }
        }

        /// Numbers as files have them are all read this way.
        #[test]
        fn numbers_of_fifteen_digits_are_read(mantissa in 0_u64..1_000_000_000_000_000, decimals in 0_usize..12) {
            let digits = format!("{mantissa:013}");
            let (whole, part) = digits.split_at(digits.len() - decimals);
            let word = format!("-{whole}.{part}");
            let read = short_number(word.as_bytes(), 0, b',').map(|(value, _)| value.to_bits());
            prop_assert_eq!(read, word.parse::<f64>().ok().map(f64::to_bits));
        }
    }
}
