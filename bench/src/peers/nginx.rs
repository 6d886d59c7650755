//! nginx with one worker: as a cache in front of another server, and with a file to give.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{free_addr, path_in};
use crate::answer::Answer;
use crate::child::{Place, Server};
use crate::cores::Cores;

/// `proxy_cache` before `upstream`. What it keeps is in files, as always with nginx; they are in
/// the page cache of the kernel, and their descriptors in `open_file_cache`.
pub fn nginx_proxy(folder: &Path, upstream: SocketAddr, cores: Cores) -> Result<Server> {
    let kept = path_in(folder, "nginx-kept")?;

    start(folder, "nginx-proxy", cores, |listen| {
        format!(
            "proxy_cache_path {kept} levels=1:2 keys_zone=shop:10m inactive=1h max_size=1g;
    upstream origin {{ server {upstream}; keepalive 8; }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_cache shop;
            proxy_cache_valid 200 1h;
            proxy_cache_lock on;
            # The peers' answers say max-age=0 to browsers; an hour is for caches.
            proxy_ignore_headers Cache-Control Expires Vary;
            add_header X-Cache-Status $upstream_cache_status;
        }}
    }}"
        )
    })
}

/// The bytes of the answers as files, with the headers that browsers need.
pub fn nginx_file(folder: &Path, answers: &[Answer], cores: Cores) -> Result<Server> {
    let root = path_in(folder, "nginx-files")?;
    for answer in answers {
        let path = answer.target.split('?').next().unwrap_or_default();
        let file = Path::new(&root).join(path.trim_start_matches('/')).join("index.json");
        fs::create_dir_all(file.parent().context("a file in a folder")?)?;
        fs::write(file, &answer.body)?;
    }

    start(folder, "nginx-file", cores, |listen| {
        format!(
            "server {{
        listen {listen};
        root {root};
        default_type application/json;
        location / {{
            add_header Content-Encoding br;
            add_header Vary Accept-Encoding;
            add_header Cache-Control \"public, max-age=0, must-revalidate\";
            try_files $uri/index.json =404;
        }}
    }}"
        )
    })
}

fn start(
    folder: &Path,
    name: &str,
    cores: Cores,
    http: impl FnOnce(SocketAddr) -> String,
) -> Result<Server> {
    let addr = free_addr()?;
    let file = path_in(folder, &format!("{name}.conf"))?;
    let (pid, scratch) = (path_in(folder, &format!("{name}.pid"))?, path_in(folder, name)?);
    fs::create_dir_all(&scratch)?;
    let http = http(addr);
    let text = format!(
        "daemon off;
worker_processes 1;
pid {pid};
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    open_file_cache max=200000 inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    {http}
}}
"
    );
    // A worker that is started by root switches to a user that can't read the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    fs::write(&file, format!("{user}{text}"))?;
    let mut command = Command::new("nginx");
    command.args(["-p", &scratch, "-e", "stderr", "-c", &file]);

    Server::listening(&mut command, addr, Place::Measured, cores)
        .context("nginx is needed (Debian: apt-get install nginx)")
}
