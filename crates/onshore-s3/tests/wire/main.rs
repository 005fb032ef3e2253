//! The front as clients meet it: real listener, gate, store and database in a folder of their own, attacked with raw
//! requests.

mod bodies;
mod client;
mod hostile;
mod keys;
mod locks;
mod multipart;
mod objects;
mod residency;
mod world;
