//! Proof bundles and certificates as files: an honest one verifies, and a file that means anything else does not.

mod bundles;
mod certificates;
mod evidence;
mod fixture;
mod inventories;
mod tampering;
