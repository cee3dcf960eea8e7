//! Orders that can be taken back as bytes.

use smallvec::SmallVec;

use super::read::Reader;
use super::write::Writer;
use crate::customer::Ledger;
use crate::customer::orders::{Extent, Order, Placed, Returned};
use crate::event::{FieldId, Quantity};
use crate::model::ORDERS_MAX;

impl Writer<'_> {
    pub(super) fn ledger(&mut self, ledger: &Ledger) {
        self.unsigned(ledger.placed.into());
        self.many(&ledger.orders, |out, order| out.order(order, ledger.placed));
        self.many(&ledger.base, Writer::fact);
    }

    /// Of `placed` orders: its number is told from there, most are among the last ones.
    fn order(&mut self, order: &Order, placed: u64) {
        self.bytes.push(order.id.is_some().into());
        if let Some(id) = order.id {
            self.bytes.extend_from_slice(&id.to_be_bytes());
        }
        self.instant(order.time);
        self.bytes.push(order.placed.is_some().into());
        if let Some(Placed { number, fields }) = &order.placed {
            self.unsigned(placed.saturating_sub(*number).into());
            self.many(fields, |out, (field, value)| {
                out.unsigned(field.index() as u128);
                out.scalar(value);
            });
        }
        for returned in [order.refunded, order.cancelled] {
            self.bytes.push(match returned.extent {
                Extent::Nothing => 0,
                Extent::Part => 1,
                Extent::Whole => 2,
            });
            self.signed(returned.total.nanos());
        }
    }
}

impl Reader<'_> {
    pub(super) fn ledger(&mut self) -> Option<Ledger> {
        if self.version > 4 {
            self.placed = self.number()?;
        }
        let orders = self.many(Reader::order)?;
        let good = orders.len() <= ORDERS_MAX && orders.is_sorted_by_key(|order| order.time);
        let base = self.many(Reader::fact)?;
        let placed = self.placed;
        good.then_some(Ledger {
            placed,
            orders,
            base,
        })
    }

    fn order(&mut self) -> Option<Order> {
        let id = match self.flag()? {
            false => None,
            true => Some(self.hash()?),
        };
        let time = self.instant()?;
        let field = |from: &mut Self| Some((FieldId::of_index(from.number()?), from.scalar()?));
        let placed = match self.flag()? {
            false => None,
            true => Some(Placed {
                number: self.order_number()?,
                fields: SmallVec::from_vec(self.many(field)?),
            }),
        };
        let (refunded, cancelled) = (self.returned()?, self.returned()?);
        Some(Order {
            id,
            time,
            placed,
            refunded,
            cancelled,
        })
    }

    /// Before version 5 orders stood in the order in which they had come, as far as that matters.
    fn order_number(&mut self) -> Option<u64> {
        if self.version > 4 {
            let ago: u64 = self.number()?;
            return self.placed.checked_sub(ago).filter(|_| ago > 0);
        }
        let number = self.placed;
        self.placed += 1;
        Some(number)
    }

    fn returned(&mut self) -> Option<Returned> {
        let extent = match self.byte()? {
            0 => Extent::Nothing,
            1 => Extent::Part,
            2 => Extent::Whole,
            _ => return None,
        };
        let total = Quantity::from_nanos(self.signed()?);
        Some(Returned { total, extent })
    }
}
