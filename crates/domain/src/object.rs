//! Structs that are read from JSON objects alone. Serde's derive takes an array for a struct as
//! well, field by field in the order of the source, which no client that sends an array means.

/// Implements `Deserialize` (and with `+`, `Serialize`) for structs that derive with
/// `#[serde(remote = "Self")]`.
macro_rules! from_objects_alone {
    ($($name:ident $(+ $also:ident)?),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object;

                impl<'de> serde::de::Visitor<'de> for Object {
                    type Value = $name;

                    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        out.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<$name, A::Error> {
                        <$name>::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }

                deserializer.deserialize_map(Object)
            }
        }
        $($crate::object::from_objects_alone!(@ $also $name);)?
    )*};
    (@ Serialize $name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$name>::serialize(self, serializer)
            }
        }
    };
}

pub(crate) use from_objects_alone;

#[cfg(test)]
mod tests {
    use crate::draft::VariantDraft;
    use crate::{Image, Money, Rule};

    #[test]
    fn an_array_is_no_object() {
        assert!(serde_json::from_str::<Money>(r#"{"amount":1,"currency":"USD"}"#).is_ok());
        assert!(serde_json::from_str::<Money>(r#"[1,"USD"]"#).is_err());
        assert!(serde_json::from_str::<Image>(r#"["/a.svg",""]"#).is_err());
        assert!(serde_json::from_str::<Rule>("[null,null]").is_err());
        assert!(serde_json::from_str::<VariantDraft>(r#"["A-1",{},{}]"#).is_err());
    }

    #[test]
    fn an_unknown_field_is_still_refused() {
        let error = serde_json::from_str::<Money>(r#"{"amount":1,"currency":"USD","tax":0}"#);

        assert!(error.unwrap_err().to_string().contains("tax"));
    }
}
