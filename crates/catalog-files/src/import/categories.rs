//! Which category a path names; one that is not there yet is made.

use std::collections::HashMap;

use domain::draft::CategoryDraft;
use domain::{CategoryId, CategoryTree, Timestamp};
use store::{Author, Catalog, StoreError};

/// Somebody else may be making the same category.
const TRIES: usize = 4;

/// The tree as the job knows it.
pub(super) struct Categories {
    tree: CategoryTree,
    /// Paths that rows have named, so that a row costs one look.
    known: HashMap<Vec<String>, CategoryId>,
    made: u64,
    /// How often the tree was found to have changed, by this job or by somebody else.
    changes: u64,
}

impl Categories {
    pub(super) async fn load(catalog: &Catalog) -> Result<Self, StoreError> {
        Ok(Self { tree: catalog.tree().await?, known: HashMap::new(), made: 0, changes: 0 })
    }

    /// How many this job has made, or imagined.
    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) async fn find_or_make(
        &mut self,
        path: &[String],
        catalog: &Catalog,
        by: &Author,
    ) -> Result<CategoryId, StoreError> {
        if let Some(known) = self.known.get(path) {
            return Ok(*known);
        }
        let mut parent = None;
        let mut category = CategoryId::from_bytes([0; 16]);

        for name in path {
            category = match self.child(parent, name) {
                Some(child) => child,
                None => self.make(name, parent, catalog, by).await?,
            };
            parent = Some(category);
        }
        self.known.insert(path.to_vec(), category);
        Ok(category)
    }

    /// For a dry run: a category that would be made gets an id that nothing else has.
    pub(super) fn imagine(&mut self, path: &[String]) -> CategoryId {
        let mut at = None;

        for depth in 1..=path.len() {
            let (here, name) = (&path[..depth], &path[depth - 1]);
            let parent = match depth {
                1 => Some(None),
                _ => at.map(Some),
            };
            let found = self.known.get(here).copied();
            let found = found.or_else(|| parent.and_then(|parent| self.child(parent, name)));
            at = Some(found.unwrap_or_else(|| {
                self.made += 1;
                CategoryId::new(Timestamp::default(), self.made.into())
            }));
            self.known.extend(at.map(|id| (here.to_vec(), id)));
        }
        at.unwrap_or_else(|| CategoryId::from_bytes([0; 16]))
    }

    async fn make(
        &mut self,
        name: &str,
        parent: Option<CategoryId>,
        catalog: &Catalog,
        by: &Author,
    ) -> Result<CategoryId, StoreError> {
        let draft = CategoryDraft { name: name.to_owned(), slug: None, parent, position: 0 };
        let mut tries = 0;

        loop {
            match catalog.create_category(&draft, by.step()).await {
                Ok(made) => {
                    let id = made.value.id;
                    self.made += 1;
                    self.changes += 1;
                    self.tree.put(made.value);
                    return Ok(id);
                }
                // Somebody may have made it meanwhile, which the store refuses by its name.
                Err(StoreError::SlugTaken(_) | StoreError::Busy | StoreError::Invalid(_))
                    if tries < TRIES =>
                {
                    tries += 1;
                    self.read(catalog).await?;
                    if let Some(child) = self.child(parent, name) {
                        return Ok(child);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn read(&mut self, catalog: &Catalog) -> Result<(), StoreError> {
        self.tree = catalog.tree().await?;
        self.changes += 1;
        Ok(())
    }

    fn child(&self, parent: Option<CategoryId>, name: &str) -> Option<CategoryId> {
        let mut children = self.tree.children(parent).iter().copied();

        children.find(|id| self.tree.get(*id).is_some_and(|category| category.name == name))
    }
}
