//! Renders the catalogue's state as bytes and tags.

use domain::api::ProductView;
use domain::{
    CatalogProduct, CatalogRead, CategoryId, Code, CollectionId, ListQuery, ProblemBody, ProductId,
    Ref, Tag, tags,
};
use search::{Card, CatalogSnapshot, Unknown, write_cards};

/// Recommended products on a page of a product.
pub const RECOMMENDED: usize = 12;
const BESTSELLERS: usize = 24;

/// A rendered answer.
pub struct Page {
    pub status: u16,
    pub tags: Vec<Tag>,
    pub bytes: Vec<u8>,
}

/// The page of a product; a draft is missing. It does not carry the tag of its category, which every
/// write to any product of that category names; a change of what it shows of the category names
/// `catalog`.
pub fn product(
    snapshot: &CatalogSnapshot,
    asked: &Ref<ProductId>,
    product: Option<&CatalogProduct>,
) -> Page {
    let mut tags = vec![Tag::CATALOG];
    tags.push(by_name(asked, Tag::product));
    if let Some(found) = product {
        tags.push(Tag::product(found.product.id));
        tags.push(Tag::slug(&found.product.slug));
    }
    let published = product.filter(|found| found.is_published());
    let view = published.and_then(|found| ProductView::of(found, snapshot.tree()));

    match view {
        Some(view) => Page::found(tags, to_json(&view)),
        None => Page::missing(tags, "product"),
    }
}

/// Every other read, from the index alone.
pub fn list(snapshot: &CatalogSnapshot, read: &CatalogRead) -> Page {
    match read {
        CatalogRead::Products(query) | CatalogRead::Search(query) => products(snapshot, query),
        CatalogRead::Product(asked) => product(snapshot, asked, None),
        CatalogRead::Recommendations(asked) => recommendations(snapshot, asked, None, RECOMMENDED),
        CatalogRead::Categories => {
            let body = serde_json::json!({ "data": snapshot.categories() });
            Page::found(vec![Tag::CATALOG, Tag::CATEGORIES], to_json(&body))
        }
        CatalogRead::Featured => {
            let cards = snapshot.featured();
            Page::found(with_shown(vec![Tag::CATALOG, Tag::FEATURED], &cards), data(&cards))
        }
        CatalogRead::Bestsellers { category } => {
            let found = category.as_ref().map(|category| snapshot.category(category)).transpose();
            let Ok(found) = found else {
                return unknown(Unknown::Category, category.as_ref(), None);
            };
            let id = found.map(|category| category.id);
            let mut tags = vec![Tag::CATALOG, id.map_or(Tag::BESTSELLERS, Tag::bestsellers)];
            // Without a ranking the order is computed, and changes with any product in it.
            if !snapshot.has_ranking(id) {
                tags.extend([Tag::FEATURED, id.map_or(Tag::PRODUCTS, Tag::category)]);
            }
            match snapshot.bestsellers(category.as_ref(), BESTSELLERS) {
                Ok(cards) => Page::found(with_shown(tags, &cards), data(&cards)),
                Err(what) => unknown(what, category.as_ref(), None),
            }
        }
    }
}

fn products(snapshot: &CatalogSnapshot, query: &ListQuery) -> Page {
    let category = query.category.as_ref().map(|category| snapshot.category(category)).transpose();
    let collection =
        query.collection.as_ref().map(|collection| snapshot.collection(collection)).transpose();
    let (category, collection) = match (category, collection) {
        (Ok(category), Ok(collection)) => (category, collection),
        (Err(what), _) | (_, Err(what)) => {
            return unknown(what, query.category.as_ref(), query.collection.as_ref());
        }
    };
    let mut tags = vec![Tag::CATALOG];
    tags.extend(category.map(|category| Tag::category(category.id)));
    tags.extend(collection.map(|collection| Tag::collection(collection.id)));
    // Typos are decided by the words of the whole shop.
    if tags.len() == 1 || query.q.is_some() {
        tags.push(Tag::PRODUCTS);
    }

    match snapshot.list(query) {
        Ok(page) => Page::found(with_shown(tags, &page.cards), page.to_json()),
        Err(what) => unknown(what, query.category.as_ref(), query.collection.as_ref()),
    }
}

/// At most `most` recommended products; `id` is the product that `asked` leads to.
pub fn recommendations(
    snapshot: &CatalogSnapshot,
    asked: &Ref<ProductId>,
    id: Option<ProductId>,
    most: usize,
) -> Page {
    let mut tags = vec![Tag::CATALOG];
    tags.push(by_name(asked, Tag::product));
    let found = id.and_then(|id| Some((id, snapshot.recommendations(id, most)?)));

    match found {
        Some((id, recommended)) => {
            // Another product of the same part may become more similar than those that are shown.
            let part = recommended.within.map_or(Tag::PRODUCTS, Tag::category);
            tags.extend([Tag::product(id), part]);
            let cards = recommended.cards;
            Page::found(with_shown(tags, &cards), data(&cards))
        }
        None => Page::missing(tags, "product"),
    }
}

/// A list of a category or collection that does not exist; its tags change when it is created.
fn unknown(
    what: Unknown,
    category: Option<&Ref<CategoryId>>,
    collection: Option<&Ref<CollectionId>>,
) -> Page {
    let mut tags = vec![Tag::CATALOG];
    match what {
        Unknown::Category => tags.extend(category.map(|asked| by_name(asked, Tag::category))),
        Unknown::Collection => {
            tags.extend(collection.map(|asked| by_name(asked, Tag::collection)));
        }
        Unknown::Cursor => {
            let detail = "the cursor was issued by another list";
            return Page::problem(Code::InvalidCursor, detail, tags);
        }
    }
    Page::problem(Code::NotFound, &what.to_string(), tags)
}

/// The tag that changes when an entity gets this slug or id.
fn by_name<I: Copy>(asked: &Ref<I>, tag: impl Fn(I) -> Tag) -> Tag {
    match asked {
        Ref::Id(id) => tag(*id),
        Ref::Slug(slug) => Tag::slug(slug),
    }
}

impl Page {
    fn found(mut tags: Vec<Tag>, bytes: Vec<u8>) -> Self {
        tags.sort_unstable();
        tags.dedup();

        Self { status: 200, tags, bytes }
    }

    fn missing(tags: Vec<Tag>, what: &str) -> Self {
        Self::problem(Code::NotFound, &format!("there is no such {what}"), tags)
    }

    /// A cached problem has no request id, since many requests get it.
    fn problem(code: Code, detail: &str, mut tags: Vec<Tag>) -> Self {
        tags.sort_unstable();
        tags.dedup();

        Self { status: code.status(), tags, bytes: to_json(&ProblemBody::new(code, detail)) }
    }
}

fn with_shown(mut tags: Vec<Tag>, cards: &[Card]) -> Vec<Tag> {
    tags.extend(tags::of_shown(cards.iter().map(Card::id)));
    tags
}

fn data(cards: &[Card]) -> Vec<u8> {
    let mut json = Vec::with_capacity(cards.iter().map(Card::json_len).sum::<usize>() + 64);
    json.extend_from_slice(b"{\"data\":");
    write_cards(cards, &mut json);
    json.push(b'}');
    json
}

fn to_json(view: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(view).expect("views have text keys and no failing serialisers")
}
