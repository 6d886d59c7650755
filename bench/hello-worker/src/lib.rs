//! The least that a Worker in Rust can do, as the documentation of `worker` has it: what the
//! benchmark measures ours against.

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::ok("hello")
}
