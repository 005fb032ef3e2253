//! What leaves and what does not: the golden matrix, and properties held against an oracle that knows no Cedar.

mod explanations;
mod matrix;
mod properties;
mod world;
