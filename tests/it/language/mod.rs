//! What the GraphQL specification says of every operation, whatever it is about: fields that merge, variables that are
//! absent, input that is wrong before anything runs; and in which language it is told.

mod input;
mod merging;
mod refusals;
