//! `[catalog]`: what the shop sells in, and whether it begins with the demo catalogue.

use domain::Currency;

use super::reader::Reader;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogSettings {
    pub currency: Currency,
    /// Fill an empty store with the demo catalogue.
    pub demo: bool,
}

impl CatalogSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let currency = reader.required("catalog.currency", |text| {
            text.parse().map_err(|_| "it must be the ISO 4217 code of a currency, such as USD")
        });
        let demo = reader.switch("catalog.demo");

        Some(Self { currency: currency?, demo: demo? })
    }
}
