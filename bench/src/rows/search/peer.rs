//! The peer: tantivy, with the same fields, filters, facets and cards.

use std::ops::Bound;

use anyhow::{Context as _, Result, ensure};
use domain::CatalogProduct;
use tantivy::aggregation::AggregationCollector;
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::{AllQuery, BooleanQuery, Occur, Query, QueryParser, RangeQuery, TermQuery};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing,
    TextOptions, Value as _,
};
use tantivy::{
    DocAddress, Index, IndexReader, IndexWriter, Order, ReloadPolicy, TantivyDocument, Term,
};

use super::ours::{Answer, Ours};
use super::products::Products;
use super::queries::{Text, Wanted};

/// As many as a page of ours shows.
const SHOWN: usize = 24;
/// The least that tantivy takes for a writer's thread, and enough for a catalogue.
const WRITER_BYTES: usize = 50_000_000;

pub struct Peer {
    reader: IndexReader,
    writer: IndexWriter,
    fields: Fields,
    words: QueryParser,
    unfinished: QueryParser,
    slip: QueryParser,
    facets: Aggregations,
    categories: Vec<(domain::CategoryId, String, String)>,
}

#[derive(Clone, Copy)]
struct Fields {
    id: Field,
    sku: Field,
    name: Field,
    brand_text: Field,
    category_text: Field,
    style_text: Field,
    description: Field,
    category: Field,
    brand: Field,
    style: Field,
    availability: Field,
    price: Field,
    added: Field,
    card: Field,
}

impl Peer {
    pub fn new(products: &Products, ours: &Ours) -> Result<Self> {
        let (schema, fields) = schema();
        let index = Index::create_in_ram(schema);
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let categories = products.categories.iter();
        let categories =
            categories.map(|one| (one.id, one.slug.to_string(), one.name.clone())).collect();
        let mut unfinished = parser(&index, fields);
        let mut slip = parser(&index, fields);
        for field in fields.searched() {
            unfinished.set_field_fuzzy(field, true, 0, true);
            slip.set_field_fuzzy(field, false, 1, true);
        }

        let mut peer = Self {
            words: parser(&index, fields),
            unfinished,
            slip,
            facets: facets()?,
            reader,
            writer,
            fields,
            categories,
        };
        for listed in &products.listed {
            peer.put(listed, ours)?;
        }
        peer.writer.commit()?;
        peer.reader.reload()?;
        Ok(peer)
    }

    pub fn answer(&self, wanted: &Wanted) -> Result<Answer> {
        let searcher = self.reader.searcher();
        let query = self.query(wanted)?;
        let facets = AggregationCollector::from_aggs(self.facets.clone(), Default::default());
        let best = TopDocs::with_limit(SHOWN);

        let (shown, total, facets): (Vec<DocAddress>, _, _) = if wanted.text.is_some() {
            let all = (best.order_by_score(), Count, facets);
            let (shown, total, facets) = searcher.search(&*query, &all)?;
            (shown.into_iter().map(|(_, at)| at).collect(), total, facets)
        } else {
            let all = (best.order_by_u64_field("added", Order::Desc), Count, facets);
            let (shown, total, facets) = searcher.search(&*query, &all)?;
            (shown.into_iter().map(|(_, at)| at).collect(), total, facets)
        };

        let mut json = Vec::with_capacity(1 << 14);
        json.extend_from_slice(b"{\"data\":[");
        for (place, at) in shown.into_iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            let document: TantivyDocument = searcher.doc(at)?;
            let card = document.get_first(self.fields.card).and_then(|card| card.as_bytes());
            json.extend_from_slice(card.context("a document without its card")?);
        }
        json.extend_from_slice(b"],\"facets\":");
        serde_json::to_writer(&mut json, &facets)?;
        json.extend_from_slice(format!(",\"total\":{total}}}").as_bytes());
        Ok(Answer { total: total as u64, json })
    }

    /// Makes a change visible. The card is one of ours: what it says is no part of the comparison.
    pub fn change(&mut self, listed: &CatalogProduct, ours: &Ours) -> Result<()> {
        let id = listed.product.id.to_string();
        self.writer.delete_term(Term::from_field_text(self.fields.id, &id));
        self.put(listed, ours)?;
        self.writer.commit()?;
        self.reader.reload()?;

        let found = self.reader.searcher().doc_freq(&Term::from_field_text(self.fields.id, &id))?;
        ensure!(found > 0, "a change is not visible");
        Ok(())
    }

    fn put(&mut self, listed: &CatalogProduct, ours: &Ours) -> Result<()> {
        let Fields { id, sku, name, description, price, added, card, .. } = self.fields;
        let product = &listed.product;
        let leading = listed.leading().context("a product without a variant")?;
        let category = self.categories.iter().find(|(id, ..)| *id == product.category);
        let (_, slug, label) = category.context("a product without its category")?;
        let mut document = TantivyDocument::default();

        document.add_text(id, product.id.to_string());
        document.add_text(sku, leading.sku.as_str());
        document.add_text(name, &product.name);
        document.add_text(description, &product.description);
        document.add_text(self.fields.category, slug);
        document.add_text(self.fields.category_text, label);
        if let Some(brand) = &product.brand {
            document.add_text(self.fields.brand, brand);
            document.add_text(self.fields.brand_text, brand);
        }
        for style in product.attributes.values() {
            document.add_text(self.fields.style, style);
            document.add_text(self.fields.style_text, style);
        }
        document.add_text(self.fields.availability, listed.availability().as_str());
        document.add_i64(price, leading.price.amount);
        // Ids are made of the time.
        document.add_u64(added, (product.id.as_u128() >> 80) as u64);
        document.add_bytes(card, &ours.card(product.id).context("a product without a card")?);
        self.writer.add_document(document)?;
        Ok(())
    }

    fn query(&self, wanted: &Wanted) -> Result<Box<dyn Query>> {
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        if let Some(text) = wanted.text {
            let parser = match text {
                Text::Words(_) => &self.words,
                Text::Unfinished(_) => &self.unfinished,
                Text::Slip(_) => &self.slip,
            };
            parts.push((Occur::Must, parser.parse_query(text.as_str())?));
        }
        if let Some(category) = &wanted.category {
            parts.push((Occur::Must, exactly(self.fields.category, category.as_str())));
        }
        if let Some(style) = &wanted.style {
            parts.push((Occur::Must, exactly(self.fields.style, style)));
        }
        if let Some((min, max)) = wanted.price {
            let end = |amount| Bound::Included(Term::from_field_i64(self.fields.price, amount));
            parts.push((Occur::Must, Box::new(RangeQuery::new(end(min), end(max)))));
        }
        if parts.is_empty() {
            parts.push((Occur::Must, Box::new(AllQuery)));
        }
        if wanted.in_stock {
            let out = domain::Availability::Out.as_str();
            parts.push((Occur::MustNot, exactly(self.fields.availability, out)));
        }

        Ok(match parts.len() {
            1 => parts.remove(0).1,
            _ => Box::new(BooleanQuery::new(parts)),
        })
    }
}

impl Fields {
    const fn searched(self) -> [Field; 6] {
        let Self { sku, name, brand_text, category_text, style_text, description, .. } = self;

        [sku, name, brand_text, category_text, style_text, description]
    }
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("en_stem")
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text = TextOptions::default().set_indexing_options(indexing);
    let facet = STRING | FAST;

    let fields = Fields {
        id: schema.add_text_field("id", STRING),
        sku: schema.add_text_field("sku", STRING),
        name: schema.add_text_field("name", text.clone()),
        brand_text: schema.add_text_field("brand_text", text.clone()),
        category_text: schema.add_text_field("category_text", text.clone()),
        style_text: schema.add_text_field("style_text", text.clone()),
        description: schema.add_text_field("description", text),
        category: schema.add_text_field("category", facet.clone()),
        brand: schema.add_text_field("brand", facet.clone()),
        style: schema.add_text_field("style", facet.clone()),
        availability: schema.add_text_field("availability", facet),
        price: schema.add_i64_field("price", INDEXED | FAST),
        added: schema.add_u64_field("added", FAST),
        card: schema.add_bytes_field("card", STORED),
    };
    (schema.build(), fields)
}

/// Every word must be in one of the fields, as on our side.
fn parser(index: &Index, fields: Fields) -> QueryParser {
    let mut parser = QueryParser::for_index(index, fields.searched().to_vec());
    parser.set_conjunction_by_default();

    parser
}

/// As many values of each as a facet of ours shows.
fn facets() -> Result<Aggregations> {
    let of = |field: &str| serde_json::json!({ "terms": { "field": field, "size": 100 } });

    Ok(serde_json::from_value(serde_json::json!({
        "category": of("category"),
        "brand": of("brand"),
        "style": of("style"),
        "availability": of("availability"),
    }))?)
}

fn exactly(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);

    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}
