//! Decimal numbers as people and sensors write them, taken to thousandths without a float on the way.

/// Reads a JSON number as thousandths, rounded half away from zero: `"4.25"` is 4,250.
///
/// `None` when the text is not a number, or its thousandths do not fit an `i64` (`1e400`).
#[must_use]
pub fn milli(text: &str) -> Option<i64> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (mantissa, exponent) = split_exponent(digits)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || (mantissa.contains('.') && fraction.is_empty()) {
        return None;
    }
    let (value, dropped) = significand(whole, fraction)?;
    let scale = exponent.checked_add(dropped)?.checked_add(3)?;
    let milli = i64::try_from(scaled(value, scale)?).ok()?;
    Some(if negative { -milli } else { milli })
}

fn split_exponent(digits: &str) -> Option<(&str, i64)> {
    match digits.split_once(['e', 'E']) {
        None => Some((digits, 0)),
        Some((mantissa, exponent)) => {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let good = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit());
            let size =
                if unsigned.len() > 9 { 1_000_000_000 } else { unsigned.parse().unwrap_or(0) };
            good.then_some((mantissa, if exponent.starts_with('-') { -size } else { size }))
        }
    }
}

/// The first 30 digits as a whole number, and the power of ten that they lost or gained.
fn significand(whole: &str, fraction: &str) -> Option<(u128, i64)> {
    let (mut value, mut kept, mut scale) = (0_u128, 0, 0_i64);
    for (digits, is_fraction) in [(whole, false), (fraction, true)] {
        for byte in digits.bytes() {
            let digit = u128::from(byte.checked_sub(b'0').filter(|d| *d < 10)?);
            if kept < 30 {
                value = value * 10 + digit;
                kept += i32::from(value > 0);
                scale -= i64::from(is_fraction);
            } else {
                scale += i64::from(!is_fraction);
            }
        }
    }
    Some((value, scale))
}

fn scaled(value: u128, scale: i64) -> Option<u128> {
    if value == 0 {
        return Some(0);
    }
    if scale >= 0 {
        return 10_u128.checked_pow(u32::try_from(scale).ok()?)?.checked_mul(value);
    }
    match u32::try_from(-scale).ok().and_then(|places| 10_u128.checked_pow(places)) {
        Some(divisor) => Some((value + divisor / 2) / divisor),
        None => Some(0), // smaller than anything that could be rounded up
    }
}

#[cfg(test)]
mod tests {
    use super::milli;

    #[test]
    fn decimals_become_thousandths_exactly() {
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("4.25", 4_250),
            ("-18", -18_000),
            ("0.1", 100),
            ("8.1005", 8_101),
            ("-8.1005", -8_101),
            ("23.787670710307466", 23_788),
            ("1e2", 100_000),
            ("1.5E+1", 15_000),
            ("25e-1", 2_500),
            ("1e-400", 0),
            ("0e400", 0),
            ("0.00000000000000000000000000000000000000004", 0),
            ("100000000000000000000000000000000000000e-36", 100_000),
        ];
        for (text, expected) in cases {
            assert_eq!(milli(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_great_is_none() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "NaN",
            "1e",
            "1e400",
            "9223372036854775808",
            "1.2.3",
            "0x10",
            "1e99999999999",
        ] {
            assert_eq!(milli(text), None, "{text}");
        }
    }
}
