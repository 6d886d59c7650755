//! The whole shop from outside: each test opens its own.

mod admin;
mod bad_input;
mod coherence;
mod conditional;
mod crash;
mod dynamodb;
mod edge_alone;
mod files;
mod protocol;
mod retail;
mod start;
