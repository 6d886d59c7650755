//! The tools that the tests use and this repository does not hold: one row each, installed into a
//! cache folder at the version that the lock beside this file pins.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::workspace::{must, program};

struct Tool {
    name: &'static str,
    source: Source,
    /// Inside the tool's folder.
    program: &'static str,
}

enum Source {
    /// A virtual environment with what a requirements file pins, hashes included.
    PyPi { lock: &'static str },
    /// What a package-lock.json pins, hashes included. No package's own scripts are run.
    Npm { package: &'static str, lock: &'static str },
    /// A crate's programs, at this version: `name@version`.
    Crate { pinned: &'static str },
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "schemathesis",
        source: Source::PyPi { lock: include_str!("../tools/schemathesis.txt") },
        program: "bin/schemathesis",
    },
    Tool {
        name: "openapi-spec-validator",
        source: Source::PyPi { lock: include_str!("../tools/openapi-spec-validator.txt") },
        program: "bin/openapi-spec-validator",
    },
    // Builds the Worker. Its version is that of the crate `worker`.
    Tool {
        name: "worker-build",
        source: Source::Crate { pinned: "worker-build@0.8.7" },
        program: "bin/worker-build",
    },
    // Its version has to be that of the crate `wasm-bindgen` in Cargo.lock, exactly.
    Tool {
        name: "wasm-bindgen",
        source: Source::Crate { pinned: "wasm-bindgen-cli@0.2.130" },
        program: "bin/wasm-bindgen",
    },
    // Node, wrangler with workerd, esbuild and wasm-opt. `npm install --package-lock-only
    // --omit-lockfile-registry-resolved` in xtask/tools/worker writes the lock anew.
    Tool {
        name: "worker-tools",
        source: Source::Npm {
            package: include_str!("../tools/worker/package.json"),
            lock: include_str!("../tools/worker/package-lock.json"),
        },
        program: "node_modules/.bin/node",
    },
    // The suite and the Node that runs it. `npm install --package-lock-only
    // --omit-lockfile-registry-resolved` in xtask/tools/cache-tests writes the lock anew.
    Tool {
        name: "cache-tests",
        source: Source::Npm {
            package: include_str!("../tools/cache-tests/package.json"),
            lock: include_str!("../tools/cache-tests/package-lock.json"),
        },
        program: "node_modules/.bin/node",
    },
];

/// The lock as it was when the installation ended; written last, so that a torn one is made anew.
const INSTALLED: &str = "installed.lock";

pub fn install_all() -> Result<()> {
    for tool in TOOLS {
        println!("{}: {}", tool.name, tool.install()?.display());
    }
    Ok(())
}

/// The tool's program; installs it unless the right version is there.
pub fn install(name: &str) -> Result<PathBuf> {
    let tool = TOOLS.iter().find(|tool| tool.name == name);

    tool.ok_or_else(|| anyhow!("{name} has no row in the table of tools"))?.install()
}

/// What tests start themselves, from the system's own packages.
pub fn ensure_redis() -> Result<()> {
    if has_redis() {
        return Ok(());
    }
    apt_install(&["redis-server"])?;

    if has_redis() { Ok(()) } else { bail!("redis-server was installed but does not run") }
}

pub fn has_redis() -> bool {
    succeeds(Command::new("redis-server").arg("--version"))
}

/// Sets the wall clock of a process that tests start.
pub fn ensure_faketime() -> Result<()> {
    if has_faketime() {
        return Ok(());
    }
    apt_install(&["faketime"])?;

    if has_faketime() { Ok(()) } else { bail!("faketime was installed but does not run") }
}

fn has_faketime() -> bool {
    succeeds(Command::new("faketime").args(["-f", "+1h", "true"]))
}

pub fn has_cargo_deny() -> bool {
    succeeds(Command::new("cargo-deny").arg("--version"))
}

pub fn has_target(target: &str) -> bool {
    let listed = program("rustup").args(["target", "list", "--installed"]).output();

    listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.trim() == target)
    })
}

pub fn add_target(target: &str) -> Result<()> {
    must("rustup target add", program("rustup").args(["target", "add", target]))
}

impl Tool {
    fn install(&self) -> Result<PathBuf> {
        let cache = cache()?;
        let folder = cache.join(self.name);
        let program = folder.join(self.program);
        // Two runs at once install it once.
        let guard = File::create(cache.join(format!("{}.guard", self.name)))?;
        guard.lock()?;

        if !self.is_there(&folder, &program) {
            println!("installing {} into {}", self.name, folder.display());
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .with_context(|| format!("can't remove {}", folder.display()))?;
            }
            self.source
                .install_into(&folder)
                .with_context(|| format!("can't install {}", self.name))?;
            if !succeeds(Command::new(&program).arg("--version")) {
                bail!("{} was installed but does not run", program.display());
            }
            fs::write(folder.join(INSTALLED), self.source.lock())?;
        }
        Ok(program)
    }

    fn is_there(&self, folder: &Path, program: &Path) -> bool {
        let installed = fs::read_to_string(folder.join(INSTALLED));

        installed.is_ok_and(|lock| lock == self.source.lock())
            && succeeds(Command::new(program).arg("--version"))
    }
}

impl Source {
    fn lock(&self) -> &'static str {
        match self {
            Self::PyPi { lock } | Self::Npm { lock, .. } => lock,
            Self::Crate { pinned } => pinned,
        }
    }

    fn install_into(&self, folder: &Path) -> Result<()> {
        match self {
            Self::PyPi { lock } => {
                ensure_python()?;
                must("python3 -m venv", program("python3").args(["-m", "venv"]).arg(folder))?;
                let requirements = folder.join("requirements.txt");
                fs::write(&requirements, lock)?;
                let mut pip = Command::new(folder.join("bin/python"));
                pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--require-hashes"]);
                must("pip install", pip.arg("--requirement").arg(requirements))
            }
            Self::Npm { package, lock } => {
                ensure_npm()?;
                fs::create_dir_all(folder)?;
                fs::write(folder.join("package.json"), package)?;
                fs::write(folder.join("package-lock.json"), lock)?;
                let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
                must("npm ci", Command::new("npm").args(arguments).current_dir(folder))
            }
            // As it was locked when it was published; where a registry lacks one of those
            // versions, with the newest that fit.
            Self::Crate { pinned } => install_crate(pinned, folder, &["--locked"])
                .or_else(|_| install_crate(pinned, folder, &[])),
        }
    }
}

/// Unoptimised: it compiles in half the time, and runs for seconds.
fn install_crate(pinned: &str, folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut install = program("cargo");
    install.args(["install", "--quiet", "--debug", "--no-track", "--root"]).arg(folder);
    install.args(arguments).arg(pinned);
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("CARGO_TARGET_DIR");

    must("cargo install", &mut install)
}

/// Outlives the checkout, so that a fresh one starts warm.
fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => std::env::home_dir().context("HOME is not set")?.join(".cache"),
    };
    let folder = base.join("shopping-tools");
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;

    Ok(folder)
}

/// Debian ships Python's `venv` apart from Python.
fn ensure_python() -> Result<()> {
    let works = || succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]));
    if works() {
        return Ok(());
    }
    apt_install(&["python3", "python3-venv"])?;

    if works() {
        Ok(())
    } else {
        bail!("python3 has no venv even now; is another one first on PATH?")
    }
}

fn ensure_npm() -> Result<()> {
    let works = || succeeds(Command::new("npm").arg("--version"));
    if works() {
        return Ok(());
    }
    apt_install(&["npm"])?;

    if works() { Ok(()) } else { bail!("there is no npm even now") }
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    if !succeeds(Command::new("apt-get").arg("--version")) {
        bail!("needs {wanted}, and there is no apt-get to install them: install them by hand");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("needs {wanted}: run `sudo apt-get install {wanted}`, then this again");
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    must("apt-get update", &mut apt(&["update", "-qq"]))?;

    let install = ["install", "-qq", "--yes", "--no-install-recommends"];
    must("apt-get install", apt(&install).args(packages))
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());

    quiet.status().is_ok_and(|status| status.success())
}
