//! The shop's secrets as keys: generated into the data folder, or given in the settings.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use edge_core::auth::{KeyRing, SECRET_MIN, SigningKey};
use ports::World;

use crate::owner_only;
use crate::settings::{Secret, SecretSource, TooShort};

/// The secrets of a running program. `Debug` hides them.
#[derive(Clone, Debug)]
pub struct Secrets {
    edge_auth: Secret,
    edge_auth_other: Option<Secret>,
    catalog_token: Secret,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("the secret {path} can't be read or created: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{0} does not exist: an edge alone signs with its origin's secrets; name the origin's data \
         folder with --data-dir, or set secrets.edge_auth and secrets.catalog_token"
    )]
    NotOfOrigin(PathBuf),
    #[error("the secret {0} is shorter than {SECRET_MIN} characters")]
    Short(PathBuf),
    #[error(
        "other users may read {0}, and it is not this shop's to change (a link, or another owner): \
         its owner has to make it private"
    )]
    Exposed(PathBuf),
}

/// The names of the generated secrets' files, and of their folder in the data folder.
const FOLDER: &str = "secrets";
const EDGE_AUTH: &str = "edge_auth";
const CATALOG_TOKEN: &str = "catalog_token";

impl Secrets {
    /// Takes the given secrets, or reads those of the data folder and creates the missing ones.
    /// Processes that start at the same time get the same ones.
    pub fn obtain(
        source: &SecretSource,
        data_dir: &Path,
        world: &dyn World,
    ) -> Result<Self, SecretsError> {
        Self::of(source, data_dir, |path| read_or_create(path, world))
    }

    /// Takes the given secrets, or reads those of the data folder, for an edge alone: its origin
    /// would accept no signature by a secret that the edge made itself.
    pub fn of_origin(source: &SecretSource, data_dir: &Path) -> Result<Self, SecretsError> {
        Self::of(source, data_dir, |path| match path.exists() {
            true => read(path),
            false => Err(SecretsError::NotOfOrigin(path.to_owned())),
        })
    }

    fn of(
        source: &SecretSource,
        data_dir: &Path,
        generated: impl Fn(&Path) -> Result<Secret, SecretsError>,
    ) -> Result<Self, SecretsError> {
        match source {
            SecretSource::Given { edge_auth, edge_auth_other, catalog_token } => Ok(Self {
                edge_auth: edge_auth.clone(),
                edge_auth_other: edge_auth_other.clone(),
                catalog_token: catalog_token.clone(),
            }),
            SecretSource::Generated => {
                let folder = data_dir.join(FOLDER);

                Ok(Self {
                    edge_auth: generated(&folder.join(EDGE_AUTH))?,
                    edge_auth_other: None,
                    catalog_token: generated(&folder.join(CATALOG_TOKEN))?,
                })
            }
        }
    }

    /// The key that an edge signs with.
    pub fn edge_key(&self) -> SigningKey {
        self.edge_auth.key()
    }

    /// The keys whose signatures an origin accepts.
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

fn read_or_create(path: &Path, world: &dyn World) -> Result<Secret, SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };

    if let Some(folder) = path.parent() {
        owner_only::make_folder(folder)
            .map_err(|source| SecretsError::File { path: folder.to_owned(), source })?;
    }
    if !path.try_exists().map_err(failed)? {
        create(path, world).map_err(failed)?;
    }
    read(path)
}

fn tighten_folder(folder: &Path) -> Result<(), SecretsError> {
    match owner_only::tighten_folder(folder) {
        Ok(true) => Ok(()),
        Ok(false) => Err(SecretsError::Exposed(folder.to_owned())),
        Err(source) => Err(SecretsError::File { path: folder.to_owned(), source }),
    }
}

fn read(path: &Path) -> Result<Secret, SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };

    if let Some(folder) = path.parent() {
        tighten_folder(folder)?;
    }
    // A file of ours was left readable by an earlier version or by a copy; one that is not ours may
    // be shared on purpose, and is not ours to change.
    if !owner_only::tighten_file(path).map_err(failed)? {
        return Err(SecretsError::Exposed(path.to_owned()));
    }
    let text = fs::read_to_string(path).map_err(failed)?;

    Secret::new(text.trim_end()).map_err(|TooShort| SecretsError::Short(path.to_owned()))
}

/// Complete before it gets its name, so that no other process reads half of it. If two processes
/// create it at the same time, the first one wins.
fn create(path: &Path, world: &dyn World) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use embedded::SystemWorld;

    use super::*;

    const TEXT: &str = "correct-horse-battery-staple-0123456789";

    fn obtain(folder: &Path) -> Result<Secrets, SecretsError> {
        Secrets::obtain(&SecretSource::Generated, folder, &SystemWorld)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
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
    fn generated_secrets_are_readable_by_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        obtain(folder.path()).unwrap();

        let secrets = folder.path().join("secrets");

        assert_eq!(mode(&secrets), 0o700);
        assert_eq!(mode(&secrets.join(EDGE_AUTH)), 0o600);
        assert_eq!(fs::read_dir(&secrets).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn processes_that_start_at_the_same_time_have_the_same_secrets() {
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
    fn our_own_secret_that_others_may_read_is_tightened_and_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let before = obtain(folder.path()).unwrap();
        let path = folder.path().join("secrets").join(EDGE_AUTH);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();

        let after = obtain(folder.path()).unwrap();

        assert_eq!(mode(&path), 0o600);
        assert_eq!(after.edge_key().kid(), before.edge_key().kid());
    }

    #[test]
    fn a_link_to_a_file_elsewhere_that_others_may_read_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        obtain(folder.path()).unwrap();
        let (path, elsewhere) =
            (folder.path().join("secrets").join(EDGE_AUTH), folder.path().join("elsewhere"));
        fs::rename(&path, &elsewhere).unwrap();
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();

        let refused = obtain(folder.path()).unwrap_err();

        assert!(matches!(refused, SecretsError::Exposed(_)), "{refused}");
        assert_eq!(mode(&elsewhere), 0o644);
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o600)).unwrap();
        assert!(obtain(folder.path()).is_ok());
    }

    #[test]
    fn a_secret_that_was_cut_is_refused_without_being_printed() {
        let folder = tempfile::tempdir().unwrap();
        obtain(folder.path()).unwrap();
        let path = folder.path().join("secrets").join(EDGE_AUTH);
        fs::write(&path, "short\n").unwrap();

        let refused = obtain(folder.path()).unwrap_err();

        assert!(matches!(refused, SecretsError::Short(_)));
        assert!(!refused.to_string().contains("short\n"), "{refused}");
    }
}
