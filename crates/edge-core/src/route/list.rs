//! The query of `/products` and `/search`.

use domain::query::ATTRIBUTES_MAX;
use domain::{CategoryId, Code, Cursor, ListQuery, Ref, Sort};

use super::parameters::{Parameters, Wrong};
use super::values;

const ATTRIBUTE: &str = "attr.";

pub(super) fn knows(parameter: &str) -> bool {
    matches!(
        parameter,
        "brand"
            | "category"
            | "collection"
            | "cursor"
            | "in_stock"
            | "limit"
            | "price"
            | "q"
            | "sort"
    ) || parameter.starts_with(ATTRIBUTE)
}

pub(super) fn category(parameters: &mut Parameters<'_>) -> Option<Ref<CategoryId>> {
    parameters.read("category", values::reference)
}

/// What is wrong is left at its default; [`Parameters::finish`] then refuses the whole query.
pub(super) fn query(parameters: &mut Parameters<'_>) -> ListQuery {
    let mut query = ListQuery {
        q: parameters.read("q", values::search_text).flatten(),
        category: category(parameters),
        collection: parameters.read("collection", values::reference),
        price: parameters.read("price", values::price),
        in_stock: parameters.read("in_stock", values::switch).unwrap_or_default(),
        brands: parameters.read("brand", values::list).unwrap_or_default(),
        sort: parameters.read("sort", values::sort).unwrap_or_default(),
        limit: parameters.read("limit", values::limit).unwrap_or_default(),
        ..ListQuery::default()
    };
    attributes(parameters, &mut query);
    if query.q.is_none() && query.sort == Sort::Newest {
        // One list, one key: without words to match, the default is the newest first.
        query.sort = Sort::Relevance;
    }
    query.cursor = cursor(parameters, &query);

    query
}

fn attributes(parameters: &mut Parameters<'_>, query: &mut ListQuery) {
    for (name, value) in parameters.drain_prefix(ATTRIBUTE) {
        let attribute = values::attribute_name(&name[ATTRIBUTE.len()..]);
        let parsed = attribute.and_then(|attribute| Ok((attribute, values::list(&value)?)));

        if let Some((attribute, values)) = parameters.keep(&name, parsed)
            && !values.is_empty()
        {
            query.attributes.insert(attribute, values);
        }
    }
    if query.attributes.len() > ATTRIBUTES_MAX {
        let wrong = Wrong(format!("may filter by at most {ATTRIBUTES_MAX} attributes").into());
        parameters.keep::<()>("attr", Err(wrong));
    }
}

/// Last, because a cursor belongs to the list that the other parameters name.
fn cursor(parameters: &mut Parameters<'_>, query: &ListQuery) -> Option<Cursor> {
    let parsed = parameters.read("cursor", |text| Ok(text.parse::<Cursor>()))?;

    match parsed {
        Ok(cursor) if cursor.list == query.fingerprint() => return Some(cursor),
        // Which list that would be is unknown while another parameter is wrong.
        Ok(_) if !parameters.is_clean() => {}
        Ok(_) => parameters.complain("cursor", Code::InvalidCursor, "belongs to another list"),
        Err(error) => {
            parameters.complain("cursor", Code::InvalidCursor, format!("is {error}"));
        }
    }
    None
}
