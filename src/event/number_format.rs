//! How numbers and amounts are written in exports: decimal comma, thousands separators, signs of currencies.

use std::borrow::Cow;

/// How texts are read as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberFormat {
    /// `1.234,56` instead of `1,234.56`.
    pub has_decimal_comma: bool,
}

/// A number without separators, as `Quantity::parse` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainNumber<'t> {
    pub(crate) text: Cow<'t, str>,
    /// The ISO 4217 code of a currency written with the number. A dollar sign names none: there are many dollars.
    pub(crate) currency: Option<Cow<'t, str>>,
}

impl NumberFormat {
    /// Reads `12`, `.50`, `+150`, `150.`, `1,234.50`, `$2,500.00`, `-€5`, `19.99 EUR`; `None` if the text is no such
    /// number. Thousands are separated by points or commas, blanks or apostrophes, in groups of three digits.
    pub(crate) fn read<'t>(&self, text: &'t str) -> Option<PlainNumber<'t>> {
        let text = text.trim();
        if is_plain(text) && !(self.has_decimal_comma && text.contains('.')) {
            return Some(PlainNumber { text: Cow::Borrowed(text), currency: None });
        }
        let (is_negative, text) = strip_sign(text);
        let (currency, text) = strip_currency(text);
        let (is_negative, text) = match strip_sign(text) {
            (true, text) if !is_negative => (true, text),
            _ => (is_negative, text),
        };
        let digits = self.join_groups(text)?;
        let sign = if is_negative { "-" } else { "" };
        Some(PlainNumber { text: Cow::Owned(format!("{sign}{digits}")), currency })
    }

    /// The number with a decimal point and without separators of thousands.
    fn join_groups(&self, text: &str) -> Option<String> {
        let decimal = if self.has_decimal_comma { ',' } else { '.' };
        let separators: &[char] = if self.has_decimal_comma {
            &['.', ' ', '\u{a0}', '\u{202f}', '\'', '’']
        } else {
            &[',', ' ', '\u{a0}', '\u{202f}', '\'', '’']
        };
        let (whole, fraction) = text.split_once(decimal).unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (fraction, exponent) = match fraction.find(['e', 'E']) {
            Some(at) => fraction.split_at(at),
            None => (fraction, ""),
        };
        let mut digits = String::new();
        match whole.find(separators) {
            None => digits += whole,
            Some(first) => {
                let separator = whole[first..].chars().next()?;
                for (at, group) in whole.split(separator).enumerate() {
                    let has_length =
                        if at == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
                    if !has_length {
                        return None;
                    }
                    digits += group;
                }
            }
        }
        if !is_number(&digits) || !is_number(fraction) || digits.len() + fraction.len() == 0 {
            return None;
        }
        let whole = if digits.is_empty() { "0" } else { &digits };
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        Some(format!("{whole}.{fraction}{exponent}"))
    }
}

/// Whether it is a number as in JSON, perhaps with an exponent.
fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'))
}

/// Whether there is a minus sign, and the text without the sign.
fn strip_sign(text: &str) -> (bool, &str) {
    if let Some(rest) = text.strip_prefix(['-', '\u{2212}']) {
        return (true, rest.trim_start());
    }
    (false, text.strip_prefix('+').map_or(text, str::trim_start))
}

/// The currency at the beginning or at the end, and the text without it.
fn strip_currency(text: &str) -> (Option<Cow<'_, str>>, &str) {
    for (sign, code) in [("€", Some("EUR")), ("£", Some("GBP")), ("¥", Some("JPY")), ("$", None)]
    {
        let rest = text.strip_prefix(sign).map(str::trim_start);
        if let Some(rest) = rest.or_else(|| text.strip_suffix(sign).map(str::trim_end)) {
            return (code.map(Cow::Borrowed), rest);
        }
    }
    let is_code =
        |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if let Some((code, rest)) = text.split_at_checked(3).filter(|(code, _)| is_code(code)) {
        return (Some(Cow::Borrowed(code)), rest.trim_start());
    }
    let end = text.len().saturating_sub(3);
    match text.split_at_checked(end).filter(|(_, code)| is_code(code)) {
        Some((rest, code)) => (Some(Cow::Borrowed(code)), rest.trim_end()),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, has_decimal_comma: bool) -> Option<(String, Option<String>)> {
        let number = NumberFormat { has_decimal_comma }.read(text)?;
        Some((number.text.into_owned(), number.currency.map(Cow::into_owned)))
    }

    #[test]
    fn numbers_of_exports_are_read() {
        for (text, number, currency) in [
            ("12", "12", None),
            ("-0.5e3", "-0.5e3", None),
            (" 150 ", "150", None),
            (".50", "0.50", None),
            ("150.", "150.0", None),
            ("+150", "150.0", None),
            ("1,234.50", "1234.50", None),
            ("1 234 567", "1234567.0", None),
            ("1'234.5", "1234.5", None),
            ("$2,500.00", "2500.00", None),
            ("-$5", "-5.0", None),
            ("$-5", "-5.0", None),
            ("€ 5.10", "5.10", Some("EUR")),
            ("19.99 EUR", "19.99", Some("EUR")),
            ("GBP 3", "3.0", Some("GBP")),
            ("\u{2212}7", "-7.0", None),
        ] {
            let expected = Some((number.to_owned(), currency.map(str::to_owned)));
            assert_eq!(read(text, false), expected, "{text}");
        }
        for (text, number) in [
            ("119,99", "119.99"),
            ("1.234,5", "1234.5"),
            ("1.234", "1234.0"),
            ("12", "12"),
            ("1 234,00 €", "1234.00"),
        ] {
            assert_eq!(
                read(text, true).map(|(number, _)| number).as_deref(),
                Some(number),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_mean_two_numbers_is_refused() {
        for text in [
            "119,99", "1,23,456", "12,3456", ",", ".", "", "-", "--5", "1.2.3,4", "12x", "e5",
            "1,234,56", "EUR", "0x1f",
        ] {
            assert_eq!(read(text, false), None, "{text}");
        }
        for text in ["1.5", "119.99", "1,5,5"] {
            assert_eq!(read(text, true), None, "{text}");
        }
    }
}
