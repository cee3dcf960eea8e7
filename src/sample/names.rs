//! Common names of the fields of an event, without case, blanks and punctuation; the best ones first.

use super::column::Column;
use crate::event::fold_spelling;

/// By field of [`crate::event::Mapping::FIELDS`]; `anonymous` are customers who are not known yet.
const NAMES: [(&str, &str); 9] = [
    (
        "customer_id",
        "customeruniqueid customerid userid custid customer customernumber customerno customerkey clientid \
         memberid accountid contactid personid profileid externalid uid kundennummer kundenid kundennr kunde \
         idclient clienteid buyerid shopperid customeremail useremail email emailaddress mail emailadresse \
         kundenemail user buyer client distinctid",
    ),
    (
        "anonymous",
        "anonymousid userpseudoid visitorid fullvisitorid deviceid sessionuserid cookieid",
    ),
    (
        "time",
        "time timestamp eventtime eventtimestamp occurredat originaltimestamp eventdatetime datetime \
         orderpurchasetimestamp orderedat purchasedat paidat ordertime orderdatetime orderdate purchasedate \
         invoicedate transactiondate eventdate processedat createdat createdtime created creationdate ts \
         bestelldatum kaufdatum rechnungsdatum auftragsdatum zeitpunkt zeitstempel datumzeit datumuhrzeit \
         datum zeit date completedat receivedat sentat updatedat bestelltam gekauftam erstelltam belegdatum \
         buchungsdatum purchasedon orderedon dateofpurchase datecommande fecha fechapedido",
    ),
    (
        "type",
        "type eventtype eventname event ereignis ereignistyp action eventaction activity activitytype typ \
         aktion financialstatus orderstatus status",
    ),
    ("id", "eventid messageid eventuuid uuid insertid"),
    (
        "order_id",
        "orderid ordernumber orderno order ordername invoiceno invoiceid invoicenumber invoice transactionid \
         receiptid bestellnummer bestellnr bestellid bestellung auftragsnummer auftragsnr rechnungsnummer \
         rechnungsnr belegnummer auftrag beleg belegnr numerocommande",
    ),
    ("channel", "channel saleschannel orderchannel kanal vertriebskanal"),
    (
        "value",
        "value amount total ordertotal totalamount totalprice grandtotal orderamount ordervalue totalvalue \
         revenue purchaserevenue purchaserevenueinusd paymentvalue paidamount amountpaid netamount sales \
         turnover betrag gesamtbetrag rechnungsbetrag bestellwert summe gesamtsumme umsatz gesamt wert \
         totalcents amountcents valuecents pricecents amountminor totalminor amountincents totalincents \
         subtotal price preis bruttobetrag nettobetrag zahlbetrag endbetrag gesamtpreis bestellsumme \
         rechnungssumme warenwert brutto netto montant montanttotal importe",
    ),
    ("currency", "currency currencycode ordercurrency isocurrency waehrung währung"),
];

fn names(field: &str) -> impl Iterator<Item = &'static str> {
    let named = NAMES.into_iter().filter(move |(known, _)| *known == field);
    named.flat_map(|(_, names)| names.split(' '))
}

/// How good the name of a column is for a field; 0 is best.
pub(super) fn rank(field: &str, column: &Column) -> Option<usize> {
    let (leaf, two) = column.folded_names();
    let leaf = if field == "value" { without_currency(&leaf) } else { &leaf };
    names(field).position(|name| name == leaf || name == two)
}

/// `betrageur` and `totalinusd` without the currency.
fn without_currency(name: &str) -> &str {
    let currencies = ["eur", "usd", "gbp", "chf"];
    let rest = currencies.iter().find_map(|code| name.strip_suffix(code));
    rest.filter(|rest| !rest.is_empty())
        .map_or(name, |rest| rest.strip_suffix("in").unwrap_or(rest))
}

/// Whether the column has states of orders, which are types of events only if one of them is known as a type.
pub(super) fn is_status(column: &Column) -> bool {
    column.folded_names().0.ends_with("status")
}

/// How good a name is for a field; 0 is best.
pub(super) fn rank_name(field: &str, name: &str) -> Option<usize> {
    let name = fold_spelling(name);
    names(field).position(|known| known == name)
}

/// Whether a name says that amounts are in the smallest unit.
pub(super) fn is_minor(column: &Column) -> bool {
    let (leaf, _) = column.folded_names();
    ["cents", "cent", "minor", "minorunits", "pence", "pennies"]
        .iter()
        .any(|end| leaf.ends_with(end))
}
