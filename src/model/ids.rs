//! Indices of the lists of models, each with a type of its own, so that one is not taken for another. The order of a
//! list is part of the stored states, which contain the indices as numbers.

macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        impl $name {
            #[inline]
            pub const fn from_index(index: usize) -> $name {
                $name(index)
            }

            #[inline]
            pub const fn index(self) -> usize {
                self.0
            }
        }

        /// For `TiVec`, as is the other conversion.
        impl From<usize> for $name {
            #[inline]
            fn from(index: usize) -> $name {
                $name(index)
            }
        }

        impl From<$name> for usize {
            #[inline]
            fn from(id: $name) -> usize {
                id.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, out)
            }
        }
    };
}
pub(crate) use define_id;

define_id! {
    /// A loaded model: its index in [`super::Models::list`].
    ModelId
}
define_id! {
    /// A stage: its index in [`super::Model::stages`].
    StageId
}
define_id! {
    /// A transition: its index in [`super::Model::transitions`].
    TransitionId
}
define_id! {
    /// A fact: its index in [`super::Model::facts`].
    FactId
}
define_id! {
    /// A slot: its index in [`super::Slots::list`].
    SlotId
}
