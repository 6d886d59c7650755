//! Words for a status, for yes and no, and for out of stock, in English, German and French.

use domain::Status;

const PUBLISHED: &[&str] = &[
    "published",
    "publish",
    "active",
    "enabled",
    "visible",
    "live",
    "online",
    "public",
    "aktiv",
    "aktiviert",
    "sichtbar",
    "veröffentlicht",
    "actif",
    "activé",
    "en ligne",
    "publié",
];

const DRAFT: &[&str] = &[
    "draft",
    "archived",
    "archive",
    "deleted",
    "disabled",
    "hidden",
    "inactive",
    "offline",
    "pending",
    "private",
    "trash",
    "unlisted",
    "unpublished",
    // WooCommerce: 1 is published, 0 private, -1 a draft.
    "-1",
    "archiviert",
    "deaktiviert",
    "entwurf",
    "inaktiv",
    "unsichtbar",
    "verborgen",
    "versteckt",
    "archivé",
    "brouillon",
    "caché",
    "désactivé",
    "hors ligne",
    "inactif",
    "masqué",
];

const YES: &[&str] =
    &["true", "1", "1.0", "yes", "y", "t", "on", "x", "ja", "j", "wahr", "oui", "o", "vrai"];

const NO: &[&str] =
    &["false", "0", "0.0", "no", "n", "f", "off", "-", "nein", "falsch", "non", "faux"];

const SOLD_OUT: &[&str] = &[
    "out of stock",
    "out_of_stock",
    "outofstock",
    "sold out",
    "ausverkauft",
    "nicht vorrätig",
    "nicht auf lager",
    "épuisé",
    "rupture de stock",
    "en rupture de stock",
];

/// `None` for an unknown word: such a product must not be shown to shoppers.
pub(crate) fn status(text: &str) -> Option<Status> {
    let word = text.to_lowercase();

    if PUBLISHED.contains(&word.as_str()) || YES.contains(&word.as_str()) {
        Some(Status::Published)
    } else if DRAFT.contains(&word.as_str()) || NO.contains(&word.as_str()) {
        Some(Status::Draft)
    } else {
        None
    }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    let word = text.to_lowercase();

    if YES.contains(&word.as_str()) {
        Some(true)
    } else {
        NO.contains(&word.as_str()).then_some(false)
    }
}

pub(crate) fn is_sold_out(text: &str) -> bool {
    SOLD_OUT.contains(&text.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_stands_for_two_things() {
        for word in PUBLISHED.iter().chain(YES) {
            assert!(!DRAFT.contains(word) && !NO.contains(word), "{word}");
            assert_eq!(status(&word.to_uppercase()), Some(Status::Published), "{word}");
        }
        for word in DRAFT.iter().chain(NO) {
            assert_eq!(status(word), Some(Status::Draft), "{word}");
        }
    }

    #[test]
    fn an_unknown_word_has_no_meaning() {
        for word in ["", "2", "maybe", "publishe", "not published", "veröffentlicht?", "2.0"] {
            assert_eq!((status(word), boolean(word)), (None, None), "{word}");
        }
        assert_eq!(boolean("hidden"), None);
    }
}
