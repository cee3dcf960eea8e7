//! How events that come twice are recognised: the same for all models, because an event either
//! happened twice or did not.

use super::{Fields, Reader};
use crate::event::{Field, FieldKind, Millis};
use crate::model::Dedupe;

/// Longest horizon: ids are kept for so long.
const HORIZON_MAX: Millis = Millis(366 * Millis::DAY.0);

impl Reader<'_> {
    /// `dedupe: 7d`
    pub(super) fn dedupe(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("dedupe") else {
            return;
        };
        let Some(horizon) = self.duration(node) else {
            return;
        };
        if horizon.0 == 0 || horizon > HORIZON_MAX {
            let help = format!("write a duration up to {HORIZON_MAX}, or leave it out");
            let message = "ids are remembered for some time and not for ever".to_owned();
            self.error(node.place, message, Some(&help));
            return;
        }
        match self.models.dedupe {
            Some(other) if other.horizon != horizon => {
                let message = format!("another loaded model has `dedupe: {}`", other.horizon);
                let help =
                    "models side by side see the same events: let them agree, or leave it out here";
                self.error(node.place, message, Some(help));
            }
            Some(_) => {}
            None => {
                let id = self
                    .models
                    .vocabulary
                    .intern_field(Field::Id, FieldKind::Any);
                self.models.dedupe = Some(Dedupe { horizon, id });
            }
        }
    }
}
