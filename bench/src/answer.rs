//! An answer as it came over the wire, for a peer to give again.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

/// What a browser asks with.
const ACCEPT_ENCODING: &str = "gzip, deflate, br";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The path and query that it answers.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();

        headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses to measure anything but a hit in memory.
    pub fn ensure_hit(&self) -> Result<()> {
        let status = self.header("cache-status").unwrap_or_default();

        ensure!(status.contains("; hit"), "{} was no hit: {status}", self.target);
        Ok(())
    }
}

/// The bytes of a request.
pub fn request(addr: SocketAddr, target: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nhost: {addr}\r\nuser-agent: bench\r\n\
         accept: application/json\r\naccept-encoding: {ACCEPT_ENCODING}\r\n\r\n"
    )
    .into_bytes()
}

/// The same for a program that reads the body itself.
pub fn plain_request(addr: SocketAddr, target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: {addr}\r\nuser-agent: bench\r\n\r\n").into_bytes()
}

/// The same as Cloudflare passes it to a Worker, which it tells who asks.
pub fn request_from(addr: SocketAddr, target: &str, client: &str) -> Vec<u8> {
    let mut request = request(addr, target);
    request.truncate(request.len() - 2);
    request.extend_from_slice(format!("cf-connecting-ip: {client}\r\n\r\n").as_bytes());
    request
}

/// An admin's write, in JSON.
pub fn write_request(addr: SocketAddr, target: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn save(answers: &[Answer], path: &Path) -> Result<()> {
    Ok(fs::write(path, serde_json::to_vec(answers)?)?)
}

pub fn load(path: &Path) -> Result<Vec<Answer>> {
    serde_json::from_slice(&fs::read(path)?).context("not recorded answers")
}
