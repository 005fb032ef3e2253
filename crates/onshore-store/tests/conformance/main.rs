//! What a store must do, whatever it is made of: give back what it took, report what was changed, keep what it
//! acknowledged and nothing else, and open to the right permit alone.

mod bodies;
mod buckets;
mod crashes;
mod cutover;
mod damage;
mod due;
mod full;
mod house;
mod listing;
mod loosenings;
mod metadata;
mod permits;
mod persons;
mod races;
mod soundness;
mod uploads;
mod versions;
