//! The whole shop from outside: each test opens its own.

mod admin;
mod backups;
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
mod idempotent_crash;
mod invalidator;
mod killed;
mod largest;
mod metrics;
mod protocol;
mod pushed;
mod redis;
mod restored;
mod retail;
mod rotation;
mod stale;
mod start;
mod trace;
