//! Exact decimal numbers, used for counts, sums, money, durations and instants.

use std::fmt;

/// Decimal digits after the point.
const FRACTION_DIGITS: u32 = 9;
/// One, in units of 10⁻⁹.
const ONE: i128 = 10_i128.pow(FRACTION_DIGITS);

/// The powers of ten that fit.
const POWERS_OF_TEN: [i128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};
/// Any number of this many digits fits into 64 bits, in which arithmetic takes a fraction of the time.
const CHUNK_DIGITS: usize = 18;

/// A decimal number with nine digits after the point, stored as an integer. No binary floating
/// point is used, so `500`, `500.0` and 50000 cents are equal. Durations are numbers of milliseconds.
/// Arithmetic that does not fit is `None`, which conditions treat as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i128);

impl Quantity {
    pub const ZERO: Quantity = Quantity(0);

    pub const fn from_whole(number: i64) -> Quantity {
        Quantity(number as i128 * ONE)
    }

    pub const fn from_nanos(nanos: i128) -> Quantity {
        Quantity(nanos)
    }

    /// The number in units of 10⁻⁹.
    pub const fn nanos(self) -> i128 {
        self.0
    }

    /// The integer part (rounded towards zero), if it fits.
    pub(crate) fn whole_part(self) -> Option<i64> {
        i64::try_from(self.0 / ONE).ok()
    }

    /// The number, if it is an integer and its units of 10⁻⁹ fit into 64 bits.
    fn as_whole(self) -> Option<i64> {
        let nanos = i64::try_from(self.0).ok()?;
        (nanos % ONE as i64 == 0).then_some(nanos / ONE as i64)
    }

    /// Parses a decimal number such as `12`, `-0.50` or `1.5e3`. Digits after the ninth are rounded half to
    /// even. `None` if it is not a number or does not fit.
    pub fn parse(text: &str) -> Option<Quantity> {
        Self::parse_rounded(text, FRACTION_DIGITS)
    }

    /// As [`Quantity::parse`], rounded half to even to fewer digits after the point (at most 9).
    pub(crate) fn parse_rounded(text: &str, digits: u32) -> Option<Quantity> {
        let (mantissa, exponent) = parse_decimal(text)?;
        let shift = exponent + digits as i32;
        let power = POWERS_OF_TEN.get(shift.unsigned_abs() as usize).copied();
        let rounded = match (shift, power) {
            _ if mantissa == 0 => 0,
            (0.., power) => mantissa.checked_mul(power?)?,
            (_, Some(power)) => divide_half_even(mantissa, power),
            (_, None) => 0,
        };
        rounded.checked_mul(10_i128.pow(FRACTION_DIGITS - digits)).map(Quantity)
    }

    pub fn checked_add(self, other: Quantity) -> Option<Quantity> {
        self.0.checked_add(other.0).map(Quantity)
    }

    pub fn checked_sub(self, other: Quantity) -> Option<Quantity> {
        self.0.checked_sub(other.0).map(Quantity)
    }

    /// The product, rounded half to even, if it fits.
    pub(crate) fn checked_mul(self, other: Quantity) -> Option<Quantity> {
        if let Some(whole) = other.as_whole() {
            return self.0.checked_mul(whole.into()).map(Quantity);
        }
        self.0.checked_mul(other.0).map(|product| Quantity(divide_half_even(product, ONE)))
    }

    /// The quotient, rounded half to even; `None` for a division by zero.
    pub(crate) fn checked_div(self, other: Quantity) -> Option<Quantity> {
        let (numerator, denominator) = match other.as_whole() {
            // The unit cancels out, so the mean of small numbers is divided in 64 bits.
            Some(whole) => (self.0, i128::from(whole)),
            None => (self.0.checked_mul(ONE)?, other.0),
        };
        let fits = denominator != 0 && (numerator != i128::MIN || denominator != -1);
        fits.then(|| Quantity(divide_half_even(numerator, denominator)))
    }

    /// The remainder with the sign of `self`; `None` for a division by zero.
    pub(crate) fn checked_rem(self, other: Quantity) -> Option<Quantity> {
        self.0.checked_rem(other.0).map(Quantity)
    }

    /// The same, rounded half to even to fewer digits after the point (at most 9).
    pub fn rounded(self, digits: u32) -> Quantity {
        let unit = 10_i128.pow(FRACTION_DIGITS - digits);
        let rounded = divide_half_even(self.0, unit).checked_mul(unit);
        // At the limits of the type the rounded number may not fit; then it is left unrounded.
        rounded.map_or(self, Quantity)
    }
}

impl fmt::Display for Quantity {
    /// The shortest decimal text; it is also a valid JSON number.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest) =
            (self.0.unsigned_abs() / ONE as u128, self.0.unsigned_abs() % ONE as u128);
        if self.0 < 0 {
            out.write_str("-")?;
        }
        write!(out, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let mut digits = FRACTION_DIGITS as usize;
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        write!(out, ".{rest:0digits$}")
    }
}

/// Splits decimal text into an integer and a power of ten. `None` for a mantissa that does not fit into 128 bits,
/// or for an exponent beyond ±1000.
fn parse_decimal(text: &str) -> Option<(i128, i32)> {
    let (digits, exponent) = match text.bytes().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (
            &text[..at],
            text[at + 1..]
                .parse::<i32>()
                .ok()
                .filter(|exponent| (-1000..=1000).contains(exponent))?,
        ),
        None => (text, 0),
    };
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits),
    };
    let (mut mantissa, mut fraction, mut point) = (0_i128, 0, false);
    let (mut chunk, mut chunk_digits) = (0_u64, 0);
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                if chunk_digits == CHUNK_DIGITS {
                    mantissa = append_digits(mantissa, chunk, chunk_digits)?;
                    (chunk, chunk_digits) = (0, 0);
                }
                chunk = chunk * 10 + u64::from(byte - b'0');
                chunk_digits += 1;
                fraction += i32::from(point);
            }
            b'.' if !point && chunk_digits > 0 => point = true,
            _ => return None,
        }
    }
    let mantissa = append_digits(mantissa, chunk, chunk_digits)?;
    let ends_in_digit = digits.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
    ends_in_digit.then_some((if negative { -mantissa } else { mantissa }, exponent - fraction))
}

fn append_digits(mantissa: i128, chunk: u64, digits: usize) -> Option<i128> {
    if mantissa == 0 {
        return Some(chunk.into());
    }
    mantissa.checked_mul(POWERS_OF_TEN[digits])?.checked_add(chunk.into())
}

fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    // Fast path: a 64-bit division takes a tenth of the time, and most numbers fit.
    if let (Ok(numerator), Ok(denominator)) = (i64::try_from(numerator), i64::try_from(denominator))
        && let Some(quotient) = numerator.checked_div_euclid(denominator)
    {
        let rest = numerator.wrapping_sub(quotient.wrapping_mul(denominator));
        let quotient = i128::from(quotient);
        return round_half_even(quotient, i128::from(rest), i128::from(denominator));
    }
    let quotient = numerator.div_euclid(denominator);
    // This saves a second division: the product may wrap, but the remainder fits.
    let rest = numerator.wrapping_sub(quotient.wrapping_mul(denominator));
    round_half_even(quotient, rest, denominator)
}

/// Rounds the quotient of a Euclidean division (0 <= rest < |denominator|). Rounding up adds the denominator's sign.
fn round_half_even(quotient: i128, rest: i128, denominator: i128) -> i128 {
    let (rest, half) = (rest.unsigned_abs(), denominator.unsigned_abs());
    match (rest * 2).cmp(&half) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Equal if quotient % 2 == 0 => quotient,
        std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => quotient + denominator.signum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        assert_eq!(q("500"), q("500.0"));
        assert_eq!(q("500"), q("5e2"));
        assert_eq!(q("500"), Quantity::from_whole(500));
        assert_eq!(q("-0.0"), Quantity::ZERO);
        assert_eq!(q("0e900"), Quantity::ZERO);
    }

    #[test]
    fn money_is_rounded_half_to_even() {
        let cents = |text| Quantity::parse_rounded(text, 2).unwrap().to_string();
        assert_eq!(cents("0.125"), "0.12");
        assert_eq!(cents("0.135"), "0.14");
        assert_eq!(cents("-0.125"), "-0.12");
        assert_eq!(cents("-0.135"), "-0.14");
        assert_eq!(cents("0.1250001"), "0.13");
        assert_eq!(Quantity::parse_rounded("2.5", 0).unwrap().to_string(), "2");
    }

    #[test]
    fn a_text_that_is_not_a_number_or_does_not_fit_is_refused() {
        for text in [
            "",
            "-",
            ".5",
            "1.",
            "1..2",
            "1e",
            "NaN",
            "Infinity",
            "0x10",
            "1 ",
            "1e999",
            "1e99999999999",
            "1e2147483647",
            "1e-2147483648",
            "1e-1001",
            "+1",
            "1_0",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
        assert_eq!(Quantity::parse(&"9".repeat(40)), None);
        assert_eq!(Quantity::parse("1e-999"), Some(Quantity::ZERO));
    }

    #[test]
    fn arithmetic_is_exact_or_absent() {
        assert_eq!(q("0.1").checked_add(q("0.2")), Some(q("0.3")));
        assert_eq!(q("10").checked_div(q("4")), Some(q("2.5")));
        assert_eq!(q("-7").checked_div(q("2")), Some(q("-3.5")));
        assert_eq!(q("7").checked_div(q("-2")), Some(q("-3.5")));
        assert_eq!(q("2").checked_div(q("3")).unwrap().to_string(), "0.666666667");
        assert_eq!(q("1").checked_div(Quantity::ZERO), None);
        assert_eq!(Quantity(i128::MAX).checked_add(Quantity(1)), None);
        assert_eq!(Quantity(i128::MAX).checked_mul(q("2")), None);
        assert_eq!(Quantity(i128::MAX).rounded(0), Quantity(i128::MAX));
        assert_eq!(q("7").checked_rem(q("4")), Some(q("3")));
        assert_eq!(q("0.000000001").checked_mul(q("3")), Some(q("0.000000003")));
        assert_eq!(q("0.000000001").checked_mul(q("0.5")), Some(Quantity::ZERO));
        assert_eq!(Quantity(i128::MAX).checked_div(q("1")), Some(Quantity(i128::MAX)));
        assert_eq!(Quantity(i128::MIN).checked_div(q("-1")), None);
        assert_eq!(Quantity(i128::MIN).checked_div(q("-0.000000001")), None);
    }

    #[test]
    fn small_numbers_are_divided_as_large_ones_are() {
        let edges = [i64::MIN, -7, -6, -3, -2, -1, 0, 1, 2, 3, 5, 1 << 40, i64::MAX];
        for numerator in edges.map(i128::from) {
            for denominator in edges.map(i128::from).into_iter().filter(|it| *it != 0) {
                let (quotient, rest) =
                    (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
                assert_eq!(
                    divide_half_even(numerator, denominator),
                    round_half_even(quotient, rest, denominator),
                    "{numerator} / {denominator}"
                );
            }
        }
    }
}
