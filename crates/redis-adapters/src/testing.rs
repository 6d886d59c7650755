//! A real redis-server for tests: on a free port of 127.0.0.1, with its data in a temporary folder.

mod certificates;

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use certificates::Certificates;

/// On an idle machine it starts within a tenth of a second.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Stopped when it is dropped.
#[derive(Debug)]
pub struct LocalRedis {
    port: u16,
    folder: TempDir,
    server: Option<Child>,
    tls: Option<Tls>,
}

/// A second port of the same server, for TLS.
#[derive(Debug)]
struct Tls {
    port: u16,
    certificates: Certificates,
}

impl LocalRedis {
    /// # Errors
    ///
    /// When `redis-server` is not installed (`cargo xtask test` installs it) or does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_as(|_| Ok(None))
    }

    /// A server that accepts TLS as well, see [`Self::tls_url`].
    ///
    /// # Errors
    ///
    /// As [`Self::start`], and when `redis-server` was built without TLS.
    pub fn start_with_tls() -> io::Result<Self> {
        Self::start_as(|folder| {
            let certificates = Certificates::create_in(folder)?;
            Ok(Some(Tls { port: free_port()?, certificates }))
        })
    }

    fn start_as(tls: impl Fn(&Path) -> io::Result<Option<Tls>>) -> io::Result<Self> {
        let mut refused = None;
        for _ in 0..3 {
            let port = free_port()?;
            let folder = tempfile::tempdir()?;
            let tls = tls(folder.path())?;
            let mut redis = Self { port, folder, server: None, tls };
            match redis.spawn() {
                Ok(()) => return Ok(redis),
                // Another process may have taken the port in the meantime.
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| io::Error::other("redis-server did not start")))
    }

    /// The URL of one of the sixteen databases.
    pub fn url(&self, database: u8) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of the same database through TLS, and the file of the authority that a client has to
    /// trust.
    pub fn tls_url(&self, database: u8) -> Option<(String, &Path)> {
        let Tls { port, certificates } = self.tls.as_ref()?;

        Some((format!("rediss://127.0.0.1:{port}/{database}"), &certificates.authority))
    }

    /// Kills the server, as a power cut would.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have ended already.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Starts the server again, empty, at the same port.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.spawn()
    }

    fn spawn(&mut self) -> io::Result<()> {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(Tls { port, certificates }) = &self.tls {
            command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(&certificates.certificate);
            command.arg("--tls-key-file").arg(&certificates.key);
            command.arg("--tls-ca-cert-file").arg(&certificates.authority);
        }
        self.server = Some(command.spawn()?);

        let started = Instant::now();
        while !answers(self.port) {
            let ended = self.server.as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = ended {
                return Err(io::Error::other(format!("redis-server ended: {status}")));
            }
            if started.elapsed() > READY_WITHIN {
                return Err(io::Error::other("redis-server did not answer in time"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for LocalRedis {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let limit = Duration::from_secs(1);
    let exchange = || {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        io::Result::Ok(answer == *b"+PONG")
    };

    exchange().unwrap_or(false)
}
