//! The answers that are kept under one URL, each for requests that say something else.

use std::ops::Deref;

use http::HeaderMap;

use super::stored::Stored;

/// Newest first: of several that match, the newest is the right one (RFC 9111 §4). `K` is a shell's
/// pointer to what it keeps.
#[derive(Clone, Debug)]
pub struct Variants<K>(Box<[K]>);

/// More variants than this are more than anybody asks for again.
const VARIANTS_MAX: usize = 64;

impl<K: Clone + Deref<Target: AsRef<Stored>>> Variants<K> {
    pub fn find(&self, request: &HeaderMap) -> Option<&K> {
        self.0.iter().find(|kept| stored(*kept).variant.matches(request))
    }

    /// With a newer answer, which takes the place of the one for the same requests.
    pub fn with(present: Option<&Self>, kept: &K) -> Self {
        let others = present.into_iter().flat_map(Self::iter);
        let others = others.filter(|other| stored(*other).variant != stored(kept).variant);

        Self([kept].into_iter().chain(others).take(VARIANTS_MAX).cloned().collect())
    }

    /// Adds to a key what the request says in the fields that the newest answer was chosen by.
    pub fn write_key(&self, request: &HeaderMap, key: &mut String) {
        if let Some(newest) = self.0.first() {
            stored(newest).variant.like(request).write_key(key);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter()
    }
}

fn stored<K: Deref<Target: AsRef<Stored>>>(kept: &K) -> &Stored {
    (**kept).as_ref()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use domain::Timestamp;
    use http::{Method, StatusCode};

    use super::super::{Received, RequestView};
    use super::*;

    struct Entry(Stored, u32);

    impl AsRef<Stored> for Entry {
        fn as_ref(&self) -> &Stored {
            &self.0
        }
    }

    fn kept(foo: &str, number: u32) -> Rc<Entry> {
        let at = Timestamp::from_millis(1_795_442_552_000);
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", "max-age=60".parse().unwrap());
        headers.insert("vary", "foo".parse().unwrap());
        let received =
            Received { status: StatusCode::OK, headers, requested_at: at, received_at: at };
        let asked = RequestView { method: &Method::GET, headers: &request(foo) };

        Rc::new(Entry(Stored::of(&asked, &received).unwrap(), number))
    }

    fn request(foo: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("foo", foo.parse().unwrap());
        headers
    }

    fn all(kept: &[Rc<Entry>]) -> Variants<Rc<Entry>> {
        let none = Variants([].into());

        kept.iter().fold(none, |all, kept| Variants::with(Some(&all), kept))
    }

    #[test]
    fn there_is_an_answer_for_each_variant_and_the_newest_of_each() {
        let all = all(&[kept("1", 1), kept("2", 2), kept("1", 3)]);
        let found = |foo| all.find(&request(foo)).map(|kept| kept.1);

        assert_eq!((found("1"), found("2"), found("3")), (Some(3), Some(2), None));
        assert_eq!(all.iter().count(), 2);
    }

    #[test]
    fn there_is_a_bounded_number_of_them_and_the_oldest_go() {
        let every: Vec<_> = (0..=64).map(|number| kept(&number.to_string(), number)).collect();

        let all = all(&every);

        assert_eq!(all.iter().count(), VARIANTS_MAX);
        assert!(all.find(&request("0")).is_none() && all.find(&request("1")).is_some());
    }

    #[test]
    fn requests_that_would_get_the_same_answer_have_one_key() {
        let all = all(&[kept("1", 1)]);
        let key = |foo| {
            let mut key = "/a".to_owned();
            all.write_key(&request(foo), &mut key);
            key
        };

        assert_eq!(key("1"), "/a\nfoo: 1");
        assert_ne!(key("1"), key("2"));
    }
}
