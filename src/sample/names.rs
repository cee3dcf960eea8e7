//! Common names of the fields of an event, without case, blanks and punctuation; the best ones first.

use super::column::Column;
use crate::event::fold_spelling;

const CUSTOMER: &[&str] = &[
    "customeruniqueid",
    "customerid",
    "userid",
    "custid",
    "customer",
    "customernumber",
    "customerno",
    "customerkey",
    "clientid",
    "memberid",
    "accountid",
    "contactid",
    "personid",
    "profileid",
    "externalid",
    "uid",
    "kundennummer",
    "kundenid",
    "kundennr",
    "kunde",
    "idclient",
    "clienteid",
    "buyerid",
    "shopperid",
    "customeremail",
    "useremail",
    "email",
    "emailaddress",
    "mail",
    "emailadresse",
    "kundenemail",
    "user",
    "buyer",
    "client",
    "distinctid",
];
const ANONYMOUS: &[&str] = &[
    "anonymousid",
    "userpseudoid",
    "visitorid",
    "fullvisitorid",
    "deviceid",
    "sessionuserid",
    "cookieid",
];
const TIME: &[&str] = &[
    "time",
    "timestamp",
    "eventtime",
    "eventtimestamp",
    "occurredat",
    "originaltimestamp",
    "eventdatetime",
    "datetime",
    "orderpurchasetimestamp",
    "orderedat",
    "purchasedat",
    "paidat",
    "ordertime",
    "orderdatetime",
    "orderdate",
    "purchasedate",
    "invoicedate",
    "transactiondate",
    "eventdate",
    "processedat",
    "createdat",
    "createdtime",
    "created",
    "creationdate",
    "ts",
    "bestelldatum",
    "kaufdatum",
    "rechnungsdatum",
    "auftragsdatum",
    "zeitpunkt",
    "zeitstempel",
    "datumzeit",
    "datumuhrzeit",
    "datum",
    "zeit",
    "date",
    "completedat",
    "receivedat",
    "sentat",
    "updatedat",
    "bestelltam",
    "gekauftam",
    "erstelltam",
    "belegdatum",
    "buchungsdatum",
    "purchasedon",
    "orderedon",
    "dateofpurchase",
    "datecommande",
    "fecha",
    "fechapedido",
];
const EVENT_TYPE: &[&str] = &[
    "type",
    "eventtype",
    "eventname",
    "event",
    "ereignis",
    "ereignistyp",
    "action",
    "eventaction",
    "activity",
    "activitytype",
    "typ",
    "aktion",
    "financialstatus",
    "orderstatus",
    "status",
];
const ID: &[&str] = &["eventid", "messageid", "eventuuid", "uuid", "insertid"];
const ORDER: &[&str] = &[
    "orderid",
    "ordernumber",
    "orderno",
    "order",
    "ordername",
    "invoiceno",
    "invoiceid",
    "invoicenumber",
    "invoice",
    "transactionid",
    "receiptid",
    "bestellnummer",
    "bestellnr",
    "bestellid",
    "bestellung",
    "auftragsnummer",
    "auftragsnr",
    "rechnungsnummer",
    "rechnungsnr",
    "belegnummer",
    "auftrag",
    "beleg",
    "belegnr",
    "numerocommande",
];
const CHANNEL: &[&str] = &["channel", "saleschannel", "orderchannel", "kanal", "vertriebskanal"];
const VALUE: &[&str] = &[
    "value",
    "amount",
    "total",
    "ordertotal",
    "totalamount",
    "totalprice",
    "grandtotal",
    "orderamount",
    "ordervalue",
    "totalvalue",
    "revenue",
    "purchaserevenue",
    "purchaserevenueinusd",
    "paymentvalue",
    "paidamount",
    "amountpaid",
    "netamount",
    "sales",
    "turnover",
    "betrag",
    "gesamtbetrag",
    "rechnungsbetrag",
    "bestellwert",
    "summe",
    "gesamtsumme",
    "umsatz",
    "gesamt",
    "wert",
    "totalcents",
    "amountcents",
    "valuecents",
    "pricecents",
    "amountminor",
    "totalminor",
    "amountincents",
    "totalincents",
    "subtotal",
    "price",
    "preis",
    "bruttobetrag",
    "nettobetrag",
    "zahlbetrag",
    "endbetrag",
    "gesamtpreis",
    "bestellsumme",
    "rechnungssumme",
    "warenwert",
    "brutto",
    "netto",
    "montant",
    "montanttotal",
    "importe",
];
const CURRENCY: &[&str] =
    &["currency", "currencycode", "ordercurrency", "isocurrency", "waehrung", "währung"];

/// The names of one of [`crate::event::Mapping::FIELDS`].
fn of(field: &str) -> &'static [&'static str] {
    match field {
        "customer_id" => CUSTOMER,
        "anonymous" => ANONYMOUS,
        "time" => TIME,
        "type" => EVENT_TYPE,
        "id" => ID,
        "order_id" => ORDER,
        "channel" => CHANNEL,
        "value" => VALUE,
        "currency" => CURRENCY,
        _ => &[],
    }
}

/// How good the name of a column is for a field; 0 is best.
pub(super) fn rank(field: &str, column: &Column) -> Option<usize> {
    let (leaf, two) = column.folded_names();
    let names = of(field);
    let leaf = if field == "value" { without_currency(&leaf).to_owned() } else { leaf };
    let by_leaf = names.iter().position(|name| *name == leaf);
    by_leaf.into_iter().chain(names.iter().position(|name| *name == two)).min()
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
    of(field).iter().position(|known| *known == name)
}

/// Whether a name says that amounts are in the smallest unit.
pub(super) fn is_minor(column: &Column) -> bool {
    let (leaf, _) = column.folded_names();
    ["cents", "cent", "minor", "minorunits", "pence", "pennies"]
        .iter()
        .any(|end| leaf.ends_with(end))
}
