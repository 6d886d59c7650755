//! The Cloudflare Worker: built, run on this machine, and held against what every edge promises.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::tally::Tally;
use crate::workspace::{cargo, count_tests, must, program, root};
use crate::{groups, toolbox};

/// Of what is uploaded, compressed. Cloudflare takes 3 MB on every plan; a small Worker starts fast.
const GZIP_MAX_BYTES: usize = 400 << 10;

/// How long V8 takes to compile the module and to make an instance of it. What it imports is not
/// called then, so empty functions stand for it; its exceptions need the real tag.
const START_UP: &str = r"
const bytes = require('fs').readFileSync(process.argv[1]);
const began = process.hrtime.bigint();
const module = new WebAssembly.Module(bytes);
const imports = {};
for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = kind === 'tag' ? WebAssembly.JSTag : () => {};
}
new WebAssembly.Instance(module, imports);
console.log(Number(process.hrtime.bigint() - began) / 1e6);
";

/// Where node, wrangler, esbuild and wasm-opt are.
struct Tools {
    bin: PathBuf,
}

pub fn build() -> Result<()> {
    let folder = root().join("edge");
    build_in(&folder)?;

    Tools::installed()?.measure(&folder.join("build"))
}

/// Builds the Worker whose crate is in `folder`, into `build` there.
pub fn build_in(folder: &Path) -> Result<()> {
    must("worker-build", &mut worker_build(folder)?)
}

/// Builds our Worker as a caching proxy for any origin, and says where it is.
pub fn build_conformance() -> Result<PathBuf> {
    let built = root().join("target/conformance-worker");
    let mut command = worker_build(&root().join("edge"))?;
    command.arg("--out-dir").arg(&built).args(["--features", "conformance"]);
    must("worker-build", &mut command)?;

    Ok(built)
}

fn worker_build(folder: &Path) -> Result<Command> {
    let tools = Tools::installed()?;
    let worker_build = toolbox::install("worker-build")?;
    let mut command = program(worker_build);
    command.current_dir(folder).args(["--profile", "worker"]);
    command.env("WASM_BINDGEN_BIN", toolbox::install("wasm-bindgen")?);
    command.env("ESBUILD_BIN", tools.bin.join("esbuild"));
    command.env("WASM_OPT_BIN", tools.bin.join("wasm-opt"));
    command.env("PATH", tools.path()?);

    Ok(command)
}

/// `wrangler dev` before an origin that runs already, until it is interrupted.
pub fn dev(origin: &str, data_dir: &Path, port: u16) -> Result<()> {
    let tools = Tools::installed()?;
    let secret = |name: &str| {
        let path = data_dir.join("secrets").join(name);
        fs::read_to_string(&path).with_context(|| {
            format!("can't read {}: start the shop once, or say --data-dir", path.display())
        })
    };
    let variables = root().join("target/worker.dev.vars");
    let text = format!(
        "ORIGIN_URL={origin}\nPUBLIC_HOST=127.0.0.1:{port}\nEDGE_AUTH_KEY={}\nCATALOG_TOKEN_KEY={}\n",
        secret("edge_auth")?.trim(),
        secret("catalog_token")?.trim(),
    );
    fs::create_dir_all(root().join("target"))?;
    let mut options = fs::OpenOptions::new();
    // It holds secrets.
    let file = options.create(true).write(true).truncate(true).mode(0o600).open(&variables);
    file?.write_all(text.as_bytes())?;

    let mut wrangler = tools.wrangler();
    wrangler.args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string(), "--env-file"]);
    must("wrangler dev", wrangler.arg(variables))
}

/// Builds the Worker and tries every promise on it.
pub fn test() -> Result<Tally> {
    let tools = Tools::installed()?;
    build()?;
    // One of the tests puts it before a real shop.
    must("cargo build", &mut cargo(&["build", "--workspace", "--bins"]))?;

    count_tests(
        &["--workspace", "--test", "edge_shells", "--", "--ignored", "--nocapture"],
        &[("WORKER_TOOLS", &tools.bin)],
    )
}

impl Tools {
    fn installed() -> Result<Self> {
        let node = toolbox::install("worker-tools")?;

        Ok(Self { bin: node.parent().context("a program is in a folder")?.to_owned() })
    }

    /// What npm installed are scripts for `node`, and for this one.
    fn path(&self) -> Result<OsString> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.bin.clone()].into_iter().chain(std::env::split_paths(&inherited));

        Ok(std::env::join_paths(folders)?)
    }

    /// Asks nothing of the world outside.
    fn wrangler(&self) -> Command {
        let mut wrangler = program(self.bin.join("node"));
        wrangler.arg(self.bin.join("wrangler"));
        wrangler.env("WRANGLER_SEND_METRICS", "false");
        wrangler.env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        wrangler
    }

    fn measure(&self, built: &Path) -> Result<()> {
        let wasm = built.join("index_bg.wasm");
        let bytes = gzipped(&[&wasm, &built.join("index.js")])?;
        println!("bundle: {} KB gzip (at most {})", bytes.div_ceil(1 << 10), GZIP_MAX_BYTES >> 10);
        ensure!(bytes <= GZIP_MAX_BYTES, "the bundle is too large: {bytes} bytes gzip");

        let mut node = program(self.bin.join("node"));
        node.args(["--eval", START_UP]).arg(&wasm);
        let mut took = None;
        let status = groups::run(&mut node, Duration::from_secs(60), |line| {
            took = Some(line.to_owned());
        })?;
        match took {
            Some(millis) if status.success() => println!("start-up: {millis} ms in V8"),
            _ => bail!("the module can't be started: {status}"),
        }
        Ok(())
    }
}

/// As `gzip -9` makes them, together.
fn gzipped(files: &[&Path]) -> Result<usize> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        encoder.write_all(&bytes)?;
    }

    Ok(encoder.finish()?.len())
}
