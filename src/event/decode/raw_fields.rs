//! The values of a record before they are typed.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::event::mapping::FieldTarget;
use crate::event::{FieldId, FieldKind};

/// A value of a record, not yet typed.
#[derive(Clone, Debug)]
pub(super) enum RawScalar<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    Bool(bool),
    Null,
    /// An object or array where a scalar is expected.
    Container,
}

/// The mapped values of one record.
#[derive(Debug, Default)]
pub(super) struct RawFields<'a> {
    pub(super) customer: Option<RawScalar<'a>>,
    pub(super) event_type: Option<RawScalar<'a>>,
    pub(super) time: Option<RawScalar<'a>>,
    pub(super) value: Option<RawScalar<'a>>,
    pub(super) currency: Option<RawScalar<'a>>,
    pub(super) fields: SmallVec<[(FieldId, FieldKind, RawScalar<'a>); 2]>,
}

impl<'a> RawFields<'a> {
    pub(super) fn set(&mut self, targets: &[FieldTarget], token: RawScalar<'a>) {
        for target in targets {
            let token = token.clone();
            match *target {
                FieldTarget::Customer => self.customer = Some(token),
                FieldTarget::EventType => self.event_type = Some(token),
                FieldTarget::Time => self.time = Some(token),
                FieldTarget::Value => self.value = Some(token),
                FieldTarget::Currency => self.currency = Some(token),
                FieldTarget::Field(id, kind) => self.fields.push((id, kind, token)),
            }
        }
    }
}
