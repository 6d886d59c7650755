//! Certificates for a server on this machine, issued by a new authority.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Files in PEM, as a server and its clients expect them.
#[derive(Debug)]
pub(super) struct Certificates {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    pub fn create_in(folder: &Path) -> io::Result<Self> {
        let [authority, certificate, key] =
            ["authority.pem", "certificate.pem", "key.pem"].map(|name| folder.join(name));
        let (root, leaf, leaf_key) = generate().map_err(io::Error::other)?;

        std::fs::write(&authority, root)?;
        std::fs::write(&certificate, leaf)?;
        std::fs::write(&key, leaf_key)?;
        Ok(Self { authority, certificate, key })
    }
}

/// The authority's certificate, the server's, and the server's key.
fn generate() -> Result<(String, String, String), rcgen::Error> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate()?;
    let root_certificate = root.self_signed(&root_key)?;
    let leaf_key = KeyPair::generate()?;
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let leaf = CertificateParams::new(names)?.signed_by(&leaf_key, &Issuer::new(root, root_key))?;

    Ok((root_certificate.pem(), leaf.pem(), leaf_key.serialize_pem()))
}
