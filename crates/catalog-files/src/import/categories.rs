//! The category that a path names; one that does not exist yet is created.

use std::collections::HashMap;

use domain::draft::CategoryDraft;
use domain::text::is_invisible;
use domain::{CategoryId, CategoryTree, Timestamp};
use store::{Author, Catalog, StoreError};
use unicode_normalization::UnicodeNormalization;

/// Another writer may be making the same category.
const TRIES: usize = 4;

/// The tree as the job knows it.
///
/// Names that only differ in case, accents' encoding, blanks, invisible characters, apostrophes or
/// `&amp;` name one category, whose name stays as it was first written.
pub(super) struct Categories {
    tree: CategoryTree,
    /// Paths that rows have named, by their keys, so that a row costs one lookup.
    known: HashMap<Vec<String>, CategoryId>,
    /// Stand-ins for categories that do not exist yet, by the keys of their paths.
    imagined: HashMap<Vec<String>, CategoryId>,
    made: u64,
}

impl Categories {
    pub(super) async fn load(catalog: &Catalog) -> Result<Self, StoreError> {
        Ok(Self {
            tree: catalog.tree().await?,
            known: HashMap::new(),
            imagined: HashMap::new(),
            made: 0,
        })
    }

    /// How many this job has made, or would have made.
    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    /// The category of a path, if all of it exists.
    pub(super) fn find(&mut self, path: &[String]) -> Option<CategoryId> {
        let key = key_of(path);
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let mut category = None;
        for name in path {
            category = Some(self.child(category, name)?);
        }
        self.known.extend(category.map(|id| (key, id)));
        category
    }

    pub(super) async fn find_or_make(
        &mut self,
        path: &[String],
        catalog: &Catalog,
        by: &Author,
    ) -> Result<CategoryId, StoreError> {
        if let Some(found) = self.find(path) {
            return Ok(found);
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
        self.known.insert(key_of(path), category);
        Ok(category)
    }

    /// An id for a category that does not exist yet, by which its rows can be rehearsed: no other
    /// category has it.
    pub(super) fn imagine(&mut self, path: &[String]) -> CategoryId {
        let next = self.imagined.len() as u64 + 1;
        let id = self.imagined.entry(key_of(path));

        *id.or_insert_with(|| CategoryId::new(Timestamp::default(), next.into()))
    }

    /// Counts what a path would add to the tree, once.
    pub(super) fn count(&mut self, path: &[String]) {
        for depth in 1..=path.len() {
            let here = &path[..depth];
            if self.find(here).is_none() {
                let id = self.imagine(here);
                self.known.insert(key_of(here), id);
                self.made += 1;
            }
        }
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
                    self.tree.put(made.value);
                    return Ok(id);
                }
                // Another writer may have created it meanwhile, which the store refuses by its name.
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
        Ok(())
    }

    fn child(&self, parent: Option<CategoryId>, name: &str) -> Option<CategoryId> {
        let named = |id: &&CategoryId| self.tree.get(**id).map(|category| category.name.as_str());
        let children = self.tree.children(parent);
        let exact = children.iter().find(|id| named(id) == Some(name));
        if let Some(exact) = exact {
            return Some(*exact);
        }

        let key = comparison_key(name);
        children.iter().find(|id| named(id).is_some_and(|it| comparison_key(it) == key)).copied()
    }
}

fn key_of(path: &[String]) -> Vec<String> {
    path.iter().map(|name| comparison_key(name)).collect()
}

/// Equal for names that a reader takes for the same one.
fn comparison_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());

    for word in name.replace("&amp;", "&").split_whitespace() {
        let visible = word.chars().filter(|it| !is_invisible(*it)).nfkc();
        let folded: String = visible.flat_map(char::to_lowercase).map(plain_apostrophe).collect();
        if !folded.is_empty() {
            key.push_str(if key.is_empty() { "" } else { " " });
            key.push_str(&folded);
        }
    }
    key
}

const fn plain_apostrophe(character: char) -> char {
    match character {
        '‘' | '’' | 'ʼ' | '´' | '`' => '\'',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_one() {
        for (one, other) in [
            ("Café", "CAFE\u{301}"),
            ("Rain  Jackets", "rain jackets"),
            ("Kitchen", "Ki\u{ad}tchen\u{200b}\u{a0}"),
            ("Men’s", "Men's"),
            ("Home & Garden", "Home &amp; Garden"),
        ] {
            assert_eq!(comparison_key(one), comparison_key(other));
        }
        for (one, other) in [("Home & Garden", "Home and Garden"), ("Cafe", "Café"), ("AB", "A B")]
        {
            assert_ne!(comparison_key(one), comparison_key(other));
        }
    }
}
