//! Encodes and decodes the order ledger.

use smallvec::SmallVec;

use super::read::StateReader;
use super::write::StateWriter;
use crate::customer::Ledger;
use crate::customer::orders::{Extent, LedgerEntry, PlacedOrder, Returned};
use crate::event::{FieldId, Quantity};
use crate::model::ORDERS_MAX;

impl StateWriter<'_> {
    pub(super) fn write_ledger(&mut self, ledger: &Ledger) {
        self.write_unsigned(ledger.order_count.into());
        self.write_list(&ledger.orders, |out, order| out.write_order(order, ledger.order_count));
        self.write_list(&ledger.final_facts, StateWriter::write_fact);
    }

    /// The order's number is encoded as the distance from `order_count`: mostly small.
    fn write_order(&mut self, order: &LedgerEntry, order_count: u64) {
        self.bytes.push(order.id.is_some().into());
        if let Some(id) = order.id {
            self.bytes.extend_from_slice(&id.to_be_bytes());
        }
        self.write_instant(order.time);
        self.bytes.push(match &order.placed {
            None => 0,
            Some(PlacedOrder { edited: None, .. }) => 1,
            Some(PlacedOrder { edited: Some(_), .. }) => 2,
        });
        if let Some(PlacedOrder { number, edited, fields }) = &order.placed {
            edited.iter().for_each(|edited| self.write_instant(*edited));
            self.write_unsigned(order_count.saturating_sub(*number).into());
            self.write_list(fields, |out, (field, value)| {
                out.write_unsigned(field.index() as u128);
                out.write_scalar(value);
            });
        }
        for returned in [order.refunded, order.cancelled] {
            self.bytes.push(match returned.extent {
                Extent::Nothing => 0,
                Extent::Part => 1,
                Extent::Whole => 2,
            });
            self.write_signed(returned.total.nanos());
        }
    }
}

impl StateReader<'_> {
    pub(super) fn read_ledger(&mut self) -> Option<Ledger> {
        if self.version > 4 {
            self.order_count = self.read_number()?;
        }
        let orders = self.read_list(StateReader::read_order)?;
        let is_valid = orders.len() <= ORDERS_MAX && orders.is_sorted_by_key(|order| order.time);
        let final_facts = self.read_list(StateReader::read_fact)?;
        let order_count = self.order_count;
        is_valid.then_some(Ledger { order_count, orders, final_facts })
    }

    fn read_order(&mut self) -> Option<LedgerEntry> {
        let id = if self.read_flag()? { Some(self.read_hash()?) } else { None };
        let time = self.read_instant()?;
        let field = |reader: &mut Self| {
            Some((FieldId::from_index(reader.read_number()?), reader.read_scalar()?))
        };
        let placed = match self.read_byte()? {
            0 => None,
            // 2: with the time of its latest version, which only some models need.
            tag @ (1 | 2) => Some(PlacedOrder {
                edited: if tag == 2 { Some(self.read_instant()?) } else { None },
                number: self.read_order_number()?,
                fields: SmallVec::from_vec(self.read_list(field)?),
            }),
            _ => return None,
        };
        let (refunded, cancelled) = (self.read_returned()?, self.read_returned()?);
        Some(LedgerEntry { id, time, placed, refunded, cancelled })
    }

    /// Before version 5 numbers were not stored: they follow from the position in the list.
    fn read_order_number(&mut self) -> Option<u64> {
        if self.version > 4 {
            let distance: u64 = self.read_number()?;
            return self.order_count.checked_sub(distance).filter(|_| distance > 0);
        }
        let number = self.order_count;
        self.order_count += 1;
        Some(number)
    }

    fn read_returned(&mut self) -> Option<Returned> {
        let extent = match self.read_byte()? {
            0 => Extent::Nothing,
            1 => Extent::Part,
            2 => Extent::Whole,
            _ => return None,
        };
        let total = Quantity::from_nanos(self.read_signed()?);
        Some(Returned { total, extent })
    }
}
