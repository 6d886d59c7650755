//! The whole shop from outside: each test opens its own.

mod admin;
mod bad_input;
mod coherence;
mod conditional;
mod connections;
mod crash;
mod dynamodb;
mod edge;
mod edge_alone;
mod fairness;
mod files;
mod invalidator;
mod killed;
mod metrics;
mod protocol;
mod pushed;
mod redis;
mod retail;
mod rotation;
mod stale;
mod start;
mod trace;
