//! Amounts of money: decimal text, rounded half to even to minor units, in one reporting currency.

use std::collections::BTreeMap;

use super::{Quantity, RejectReason};

/// The reporting currency and the declared rates of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrencyRates {
    /// The reporting currency (ISO 4217 code), and the currency of a value without one.
    pub currency: String,
    /// Per other currency, the value of one unit of it in the reporting currency.
    pub rates: BTreeMap<String, Quantity>,
}

impl Default for CurrencyRates {
    fn default() -> Self {
        CurrencyRates { currency: "USD".to_owned(), rates: BTreeMap::new() }
    }
}

impl CurrencyRates {
    /// Whether a text has the form of an ISO 4217 code.
    pub(crate) fn is_currency_code(text: &str) -> bool {
        text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
    }

    /// Parses an amount in major units, or in the smallest unit of its currency (`is_minor`). It counts as it is written,
    /// with up to nine digits after the point; converted into the reporting currency it is rounded half to even to the
    /// minor units of that. The result must fit into 64 bits of minor units.
    pub(crate) fn parse_amount(
        &self,
        text: &str,
        currency: Option<&str>,
        is_minor: bool,
    ) -> Result<Quantity, RejectReason> {
        let currency = currency.filter(|code| !code.is_empty()).unwrap_or(&self.currency);
        let rate = if currency.eq_ignore_ascii_case(&self.currency) {
            None
        } else {
            let rate = self.rates.get(&currency.to_ascii_uppercase());
            Some(rate.ok_or(RejectReason::UnknownCurrency)?)
        };
        let written = Quantity::parse(text).ok_or_else(|| unreadable_reason(text))?;
        let original = if is_minor {
            let units = Quantity::from_whole(10_i64.pow(minor_digits(currency)));
            written.checked_div(units).ok_or(RejectReason::ValueOutOfRange)?
        } else {
            written
        };
        let digits = minor_digits(&self.currency);
        let amount = match rate {
            None => original,
            Some(rate) => {
                original.checked_mul(*rate).ok_or(RejectReason::ValueOutOfRange)?.rounded(digits)
            }
        };
        let minor_units = amount.nanos() / 10_i128.pow(9 - digits);
        i64::try_from(minor_units).map(|_| amount).map_err(|_| RejectReason::ValueOutOfRange)
    }
}

/// Why a text is not an amount: a number that does not fit, or no number at all.
fn unreadable_reason(text: &str) -> RejectReason {
    match text.parse::<f64>() {
        Ok(_) if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            RejectReason::ValueOutOfRange
        }
        _ => RejectReason::BadValue,
    }
}

/// Digits after the decimal point of an amount, by ISO 4217; two for currencies that are not listed here.
fn minor_digits(currency: &str) -> u32 {
    match currency.to_ascii_uppercase().as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, currency: Option<&str>) -> Result<String, RejectReason> {
        let rates = [("EUR", "1.1"), ("JPY", "0.0065"), ("KWD", "3.25")];
        let rates = rates.map(|(code, rate)| (code.to_owned(), Quantity::parse(rate).unwrap()));
        let currency_rates = CurrencyRates { rates: rates.into(), ..CurrencyRates::default() };
        currency_rates.parse_amount(text, currency, false).map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_count_as_written_and_a_conversion_rounds_them_to_minor_units() {
        assert_eq!(read("0.0047", None), Ok("0.0047".into()));
        assert_eq!(read("19.985", Some("USD")), Ok("19.985".into()));
        assert_eq!(read("0.05", Some("EUR")), Ok("0.06".into()));
        assert_eq!(read("0.15", Some("EUR")), Ok("0.16".into()));
        assert_eq!(read("10", Some("eur")), Ok("11".into()));
        assert_eq!(read("1000.5", Some("JPY")), Ok("6.5".into()));
        assert_eq!(read("1.0005", Some("KWD")), Ok("3.25".into()));
        assert_eq!(read("5", Some("")), Ok("5".into()));
    }

    #[test]
    fn a_text_that_is_not_an_amount_is_rejected_with_the_reason() {
        assert_eq!(read("5", Some("XYZ")), Err(RejectReason::UnknownCurrency));
        assert_eq!(read("five", None), Err(RejectReason::BadValue));
        assert_eq!(read("NaN", None), Err(RejectReason::BadValue));
        assert_eq!(read("1e400", None), Err(RejectReason::ValueOutOfRange));
        assert_eq!(read("92233720368547758.07", None), Ok("92233720368547758.07".into()));
        assert_eq!(read("92233720368547758.08", None), Err(RejectReason::ValueOutOfRange));
    }
}
