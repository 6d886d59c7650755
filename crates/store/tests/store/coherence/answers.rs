//! The answers of the cached routes, worked out from the whole catalogue in the plainest way, with
//! the tags that the origin gives them.

use std::collections::BTreeSet;

use domain::api::{CardView, ProductView};
use domain::{
    Availability, CatalogProduct, CategoryId, CategoryTree, Collection, CollectionId, ProductId,
    Ref, Slug, Tag,
};
use serde_json::{Value, json};
use store::Contents;

/// What a cache may hold.
pub struct Answer {
    pub route: String,
    pub content: Value,
    pub tags: BTreeSet<Tag>,
}

/// Everything that can be asked for by name, in any of some states.
pub struct Asked {
    products: BTreeSet<ProductId>,
    categories: BTreeSet<CategoryId>,
    collections: BTreeSet<CollectionId>,
    slugs: BTreeSet<Slug>,
}

struct Shop<'a> {
    contents: &'a Contents,
    tree: CategoryTree,
}

impl Asked {
    pub fn of<'a>(states: impl IntoIterator<Item = &'a Contents>) -> Self {
        let mut asked = Self {
            products: BTreeSet::new(),
            categories: BTreeSet::new(),
            collections: BTreeSet::new(),
            slugs: BTreeSet::new(),
        };
        for state in states {
            for found in &state.products {
                asked.products.insert(found.product.id);
                asked.slugs.insert(found.product.slug.clone());
            }
            for category in &state.categories {
                asked.categories.insert(category.id);
                asked.slugs.insert(category.slug.clone());
            }
            for collection in &state.collections {
                asked.collections.insert(collection.id);
                asked.slugs.insert(collection.slug.clone());
            }
        }
        asked
    }
}

/// In the same order for every state of the catalogue.
pub fn answers(asked: &Asked, contents: &Contents) -> Vec<Answer> {
    let tree = CategoryTree::new(contents.categories.iter().cloned());
    let shop = Shop { contents, tree };
    let slugs = || asked.slugs.iter().cloned();
    let categories: Vec<_> =
        asked.categories.iter().copied().map(Ref::Id).chain(slugs().map(Ref::Slug)).collect();
    let collections: Vec<_> =
        asked.collections.iter().copied().map(Ref::Id).chain(slugs().map(Ref::Slug)).collect();
    let mut all = vec![shop.categories(), shop.featured(), shop.bestsellers(None)];

    all.extend(asked.products.iter().copied().map(Ref::Id).map(|id| shop.product(&id)));
    all.extend(slugs().map(Ref::Slug).map(|slug| shop.product(&slug)));
    for in_stock in [false, true] {
        all.push(shop.list(None, None, in_stock));
        all.extend(categories.iter().map(|category| shop.list(Some(category), None, in_stock)));
        all.extend(collections.iter().map(|asked| shop.list(None, Some(asked), in_stock)));
        for category in &categories {
            all.extend(
                collections.iter().map(|asked| shop.list(Some(category), Some(asked), in_stock)),
            );
        }
    }
    all.extend(categories.iter().map(|category| shop.bestsellers(Some(category))));
    all
}

impl Shop<'_> {
    fn shown(&self) -> impl Iterator<Item = &CatalogProduct> {
        self.contents.products.iter().filter(|found| found.is_published())
    }

    fn cards<'a>(
        &self,
        products: impl IntoIterator<Item = &'a CatalogProduct>,
    ) -> (Value, Vec<Tag>) {
        let (cards, tags): (Vec<_>, Vec<_>) = products
            .into_iter()
            .filter_map(|found| Some((CardView::of(found, &self.tree)?, found.product.id)))
            .map(|(card, id)| (json!(card), Tag::product(id)))
            .unzip();

        (Value::Array(cards), tags)
    }

    fn by_ids(&self, ids: &[ProductId]) -> Vec<&CatalogProduct> {
        let find = |id: &ProductId| self.shown().find(|found| found.product.id == *id);

        ids.iter().filter_map(find).collect()
    }

    fn product(&self, asked: &Ref<ProductId>) -> Answer {
        let mut tags = BTreeSet::from([Tag::CATALOG]);
        tags.insert(match asked {
            Ref::Id(id) => Tag::product(*id),
            Ref::Slug(slug) => Tag::slug(slug),
        });
        let found = self.contents.products.iter().find(|found| match asked {
            Ref::Id(id) => found.product.id == *id,
            Ref::Slug(slug) => found.product.slug == *slug,
        });
        if let Some(found) = found {
            tags.insert(Tag::product(found.product.id));
            tags.insert(Tag::slug(&found.product.slug));
            tags.insert(Tag::category(found.product.category));
        }
        let published = found.filter(|found| found.is_published());
        let view = published.and_then(|found| ProductView::of(found, &self.tree));

        Answer { route: format!("/products/{asked}"), content: json!(view), tags }
    }

    fn list(
        &self,
        category: Option<&Ref<CategoryId>>,
        collection: Option<&Ref<CollectionId>>,
        in_stock: bool,
    ) -> Answer {
        let name = |text: Option<String>| text.unwrap_or_default();
        let route = format!(
            "/products?category={}&collection={}&in_stock={in_stock}",
            name(category.map(ToString::to_string)),
            name(collection.map(ToString::to_string)),
        );
        let mut tags = BTreeSet::from([Tag::CATALOG]);
        let mut within = None;
        if let Some(asked) = category {
            let Some(found) = self.tree.find(asked) else {
                tags.insert(Tag::CATEGORIES);
                return Answer { route, content: missing(), tags };
            };
            tags.insert(Tag::category(found.id));
            within = Some(found.id);
        }
        let mut of = None;
        if let Some(asked) = collection {
            let Some(found) = self.collection(asked) else {
                let tags = BTreeSet::from([
                    Tag::CATALOG,
                    match asked {
                        Ref::Id(id) => Tag::collection(*id),
                        Ref::Slug(slug) => Tag::slug(slug),
                    },
                ]);
                return Answer { route, content: missing(), tags };
            };
            tags.insert(Tag::collection(found.id));
            of = Some(found);
        }
        if tags.len() == 1 {
            tags.insert(Tag::PRODUCTS);
        }

        let found = self.shown().filter(|found| {
            within.is_none_or(|id| self.tree.lineage(found.product.category).contains(&id))
                && of.is_none_or(|collection| collection.contains(found, &self.tree))
                && (!in_stock || found.availability() != Availability::Out)
        });
        let found: Vec<_> = found.collect();
        let (cards, shown) = self.cards(found.iter().copied());
        tags.extend(shown);
        let content = json!({ "data": cards, "facets": self.facets(&found) });
        Answer { route, content, tags }
    }

    fn facets(&self, products: &[&CatalogProduct]) -> Value {
        let count = |category: &domain::Category| {
            products.iter().filter(|found| found.product.category == category.id).count()
        };
        let mut counts: Vec<_> = self
            .contents
            .categories
            .iter()
            .filter(|category| count(category) > 0)
            .map(|category| (category.slug.to_string(), &category.name, count(category)))
            .collect();
        counts.sort();

        json!(counts)
    }

    fn categories(&self) -> Answer {
        let tags = BTreeSet::from([Tag::CATALOG, Tag::CATEGORIES]);

        Answer { route: "/categories".into(), content: self.nodes(None), tags }
    }

    fn nodes(&self, parent: Option<CategoryId>) -> Value {
        let node = |id: &CategoryId| {
            let category = self.tree.get(*id).unwrap();
            let within =
                |found: &&CatalogProduct| self.tree.lineage(found.product.category).contains(id);
            json!([
                id,
                category.slug,
                category.name,
                self.shown().filter(within).count(),
                self.nodes(Some(*id))
            ])
        };

        self.tree.children(parent).iter().map(node).collect()
    }

    fn featured(&self) -> Answer {
        let (content, shown) = self.cards(self.by_ids(&self.contents.featured));
        let tags = shown.into_iter().chain([Tag::CATALOG, Tag::FEATURED]).collect();

        Answer { route: "/featured".into(), content, tags }
    }

    fn bestsellers(&self, category: Option<&Ref<CategoryId>>) -> Answer {
        let route =
            format!("/bestsellers?category={}", category.map_or(String::new(), |c| c.to_string()));
        let id = category.map(|category| self.tree.find(category).map(|found| found.id));
        let id = match id {
            Some(None) => {
                let tags = BTreeSet::from([Tag::CATALOG, Tag::CATEGORIES]);
                return Answer { route, content: missing(), tags };
            }
            Some(id) => id,
            None => None,
        };
        let mut tags =
            BTreeSet::from([Tag::CATALOG, id.map_or(Tag::BESTSELLERS, Tag::bestsellers)]);
        tags.extend(id.map(Tag::category));
        let ranking = self.contents.rankings.get(&id).filter(|ranking| !ranking.is_empty());

        let products: Vec<_> = match ranking {
            Some(ranking) => self.by_ids(ranking),
            None => {
                tags.extend([Tag::FEATURED, id.map_or(Tag::PRODUCTS, Tag::category)]);
                let belongs = |found: &&CatalogProduct| {
                    id.is_none_or(|id| self.tree.lineage(found.product.category).contains(&id))
                };
                let featured = self.by_ids(&self.contents.featured).into_iter().filter(belongs);
                let rest = self.shown().filter(belongs);
                let rest = rest.filter(|found| found.availability() != Availability::Out);
                featured.chain(rest).collect()
            }
        };
        let (content, shown) = self.cards(products);
        tags.extend(shown);
        Answer { route, content, tags }
    }

    fn collection(&self, asked: &Ref<CollectionId>) -> Option<&Collection> {
        self.contents.collections.iter().find(|collection| match asked {
            Ref::Id(id) => collection.id == *id,
            Ref::Slug(slug) => collection.slug == *slug,
        })
    }
}

/// The same to whoever asked, whichever of two names is unknown.
fn missing() -> Value {
    json!({ "status": 404 })
}
