//! Which source gives each setting, and which others it overrides. Pure.

use strum::IntoEnumIterator;

use super::{Key, Layer, Sourced, defaults};

/// A setting, and what the sources say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub key: Key,
    /// What holds; `None` where nobody says anything.
    pub given: Option<Sourced>,
    /// What weaker sources say, the strongest first; without the default.
    pub overrides: Vec<Sourced>,
}

/// All settings, from the layers that the caller gives.
pub fn overview(layers: &[Layer; 4]) -> Vec<Shown> {
    let defaults = defaults();
    let shown = |key| {
        let mut said = layers.iter().filter_map(|layer| layer.get(&key)).cloned();
        let given = said.next();
        Shown {
            key,
            given: given.or_else(|| defaults.get(&key).cloned()),
            overrides: said.collect(),
        }
    };
    Key::iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    fn layer(origin: Origin, text: &str) -> Layer {
        let text = text.to_owned();
        Layer::from([(Key::Transaction, Sourced { text, origin })])
    }

    #[test]
    fn the_strongest_is_given_and_the_others_are_overridden() {
        let layers = [
            layer(Origin::Flag, "each"),
            Layer::new(),
            Layer::new(),
            layer(Origin::Environment("MIGRATE_TRANSACTION"), "track"),
        ];
        let shown = overview(&layers);
        assert_eq!(shown.len(), Key::iter().count());
        let found = |key| shown.iter().find(|shown| shown.key == key).unwrap();
        let transaction = found(Key::Transaction);
        assert_eq!(transaction.given.as_ref().unwrap().text, "each");
        assert_eq!(transaction.overrides.len(), 1);
        let retries = found(Key::Retries).given.as_ref().unwrap();
        assert_eq!(
            (retries.text.as_str(), &retries.origin),
            ("3", &Origin::Default)
        );
        assert_eq!(found(Key::Database).given, None);
    }
}
