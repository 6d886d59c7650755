//! The whole shop from outside: each test opens its own.

mod admin;
mod bad_input;
mod coherence;
mod conditional;
mod crash;
mod dynamodb;
mod edge;
mod edge_alone;
mod files;
mod invalidator;
mod killed;
mod log_sink;
mod metrics;
mod panics;
mod protocol;
mod pushed;
mod readiness;
mod redis;
mod retail;
mod rotation;
mod stale;
mod start;
mod stdout;
mod trace;
