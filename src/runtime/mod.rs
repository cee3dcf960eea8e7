//! Layer 6: the effect shell. Moves values between the core and the world, and decides nothing
//! about customers.

pub mod example;
pub mod replay;
