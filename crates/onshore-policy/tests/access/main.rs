//! What access policies say: read, compiled into Cedar and asked, against what AWS says of the same.

mod conditions;
mod refused;
mod sides;
mod support;
