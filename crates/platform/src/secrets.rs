//! What must not be known outside: generated into the data folder, or given in the settings.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use edge_core::auth::{KeyRing, SECRET_MIN, SigningKey};
use ports::World;

use crate::reader::Reader;

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Where the secrets come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file each in the data folder, made when it is not there.
    Generated,
    Given {
        edge_auth: Secret,
        edge_auth_other: Option<Secret>,
        catalog_token: Secret,
    },
}

/// The shop's secrets, as the keys that are made of them.
#[derive(Clone, Debug)]
pub struct Secrets {
    edge_auth: Secret,
    edge_auth_other: Option<Secret>,
    catalog_token: Secret,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("the secret {path} can't be read or made: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the secret {0} is shorter than {SECRET_MIN} characters")]
    Short(PathBuf),
    #[error("others may read the secret {0}: chmod 600 it, or remove it and have another one made")]
    Exposed(PathBuf),
}

/// The names of a generated secret's file.
const EDGE_AUTH: &str = "edge_auth";
const CATALOG_TOKEN: &str = "catalog_token";

impl Secret {
    /// `Err` if it is too short to be one.
    pub fn new(text: impl Into<String>) -> Result<Self, TooShort> {
        let text = text.into();

        if text.len() < SECRET_MIN { Err(TooShort) } else { Ok(Self(text)) }
    }

    /// Whoever calls this keeps it out of every log and message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Named by its hash, so that both sides of a connection give a key the same name.
    fn key(&self) -> SigningKey {
        SigningKey::of_secret(self.0.as_bytes()).expect("a secret is long enough for a key")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret has at least {SECRET_MIN} characters")]
pub struct TooShort;

impl SecretSource {
    const GIVEN: &[&str] =
        &["secrets.edge_auth", "secrets.edge_auth_other", "secrets.catalog_token"];

    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        match reader.choice("secrets.source", &[("generated", false), ("given", true)]) {
            Some(false) => {
                reader.only_with("secrets.source", "given", Self::GIVEN);
                Some(Self::Generated)
            }
            Some(true) => {
                let edge_auth = reader.required_secret("secrets.edge_auth");
                let edge_auth_other = reader.secret("secrets.edge_auth_other");
                let catalog_token = reader.required_secret("secrets.catalog_token");
                if edge_auth.is_some() && edge_auth == catalog_token {
                    let what = "the same as secrets.edge_auth: whoever learns one has the other";
                    reader.refuse("secrets.catalog_token", what);
                }

                Some(Self::Given {
                    edge_auth: edge_auth?,
                    edge_auth_other,
                    catalog_token: catalog_token?,
                })
            }
            None => {
                reader.know(Self::GIVEN);
                None
            }
        }
    }
}

impl Secrets {
    /// Takes what was given, or reads the data folder's secrets and makes those that are missing.
    /// Two processes that start at once end up with the same ones.
    pub fn obtain(
        source: &SecretSource,
        data_dir: &Path,
        world: &dyn World,
    ) -> Result<Self, SecretsError> {
        match source {
            SecretSource::Given { edge_auth, edge_auth_other, catalog_token } => Ok(Self {
                edge_auth: edge_auth.clone(),
                edge_auth_other: edge_auth_other.clone(),
                catalog_token: catalog_token.clone(),
            }),
            SecretSource::Generated => {
                let folder = data_dir.join("secrets");
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(&folder)
                    .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
                    .map_err(|source| SecretsError::File { path: folder.clone(), source })?;

                Ok(Self {
                    edge_auth: kept(&folder.join(EDGE_AUTH), world)?,
                    edge_auth_other: None,
                    catalog_token: kept(&folder.join(CATALOG_TOKEN), world)?,
                })
            }
        }
    }

    /// With which an edge signs.
    pub fn edge_key(&self) -> SigningKey {
        self.edge_auth.key()
    }

    /// Which an origin believes.
    pub fn edge_keys(&self) -> KeyRing {
        let ring = KeyRing::new(self.edge_auth.key());

        match &self.edge_auth_other {
            Some(other) => ring.with_other(other.key()),
            None => ring,
        }
    }

    /// Signs read-your-writes tokens.
    pub fn token_key(&self) -> SigningKey {
        self.catalog_token.key()
    }
}

fn kept(path: &Path, world: &dyn World) -> Result<Secret, SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };

    if !path.try_exists().map_err(failed)? {
        make(path, world).map_err(failed)?;
    }
    refuse_exposed(path)?;
    let text = fs::read_to_string(path).map_err(failed)?;

    Secret::new(text.trim_end()).map_err(|TooShort| SecretsError::Short(path.to_owned()))
}

/// Complete before it has its name, so that no other process reads half of it; the one that is there
/// first stays.
fn make(path: &Path, world: &dyn World) -> io::Result<()> {
    let text = format!("{:032x}{:032x}\n", world.random(), world.random());
    let draft = path.with_extension(format!("{:032x}", world.random()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;

    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&draft)?;
    linked
}

fn refuse_exposed(path: &Path) -> Result<(), SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();

    if mode & 0o077 == 0 { Ok(()) } else { Err(SecretsError::Exposed(path.to_owned())) }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use embedded::SystemWorld;

    use super::*;

    const TEXT: &str = "correct-horse-battery-staple-0123456789";

    fn obtain(folder: &Path) -> Result<Secrets, SecretsError> {
        Secrets::obtain(&SecretSource::Generated, folder, &SystemWorld)
    }

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new(TEXT).unwrap();
        let source = SecretSource::Given {
            edge_auth: secret.clone(),
            edge_auth_other: Some(secret.clone()),
            catalog_token: secret.clone(),
        };
        let secrets = Secrets::obtain(&source, Path::new("/nowhere"), &SystemWorld).unwrap();

        let printed = format!("{secret:?} {source:#?} {secrets:?} {:?}", secrets.edge_keys());

        assert!(!printed.contains("correct-horse"), "{printed}");
        assert_eq!(secret.expose(), TEXT);
    }

    #[test]
    fn generated_secrets_stay_the_same_and_differ_from_each_other() {
        let folder = tempfile::tempdir().unwrap();

        let first = obtain(folder.path()).unwrap();
        let second = obtain(folder.path()).unwrap();

        assert_eq!(first.edge_key().kid(), second.edge_key().kid());
        assert_ne!(first.edge_key().kid(), first.token_key().kid());
        assert_eq!(first.edge_auth.expose().len(), 64);
    }

    #[test]
    fn generated_secrets_are_readable_by_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        obtain(folder.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;

        let secrets = folder.path().join("secrets");

        assert_eq!(mode(&secrets), 0o700);
        assert_eq!(mode(&secrets.join(EDGE_AUTH)), 0o600);
        assert_eq!(fs::read_dir(&secrets).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn processes_that_start_at_once_have_the_same_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let secrets = obtain(folder.path()).unwrap();
            secrets.edge_key().kid().to_owned()
        };

        let kids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });

        assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
    }

    #[test]
    fn a_secret_that_others_may_read_or_that_was_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        obtain(folder.path()).unwrap();
        let path = folder.path().join("secrets").join(EDGE_AUTH);

        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(obtain(folder.path()), Err(SecretsError::Exposed(_))));

        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short\n").unwrap();
        let refused = obtain(folder.path()).unwrap_err();
        assert!(matches!(refused, SecretsError::Short(_)));
        assert!(!refused.to_string().contains("short\n"), "{refused}");
    }
}
