# The Worker by the book for workerd, as run.sh has its ports; copied beside what was built.
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "outside", network = (allow = ["local", "private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8001", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js"), (name = "index_bg.wasm", wasm = embed "index_bg.wasm")],
  # As wrangler.toml has it.
  compatibilityDate = "2026-11-17",
  globalOutbound = "outside",
  bindings = [(name = "CONFORMANCE_ORIGIN", text = "http://127.0.0.1:8000")],
);
