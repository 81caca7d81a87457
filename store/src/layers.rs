//! From the layers that are stored to the rules that units are judged by.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use hub_domain::{Layer, Preset, Rule, RuleError, RuleField, RuleLayer, rule::Resolved};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{StoreError, records::UnitRecord};

/// The layer of a unit type's preset.
fn preset_layer(id: &str) -> Option<Layer> {
    Preset::find(id).map(Preset::layer)
}

fn is_known(preset: Option<&String>) -> bool {
    preset.is_none_or(|id| Preset::find(id).is_some())
}

/// A layer as it is stored: an object of the fields said, each with its number or null.
pub(crate) fn to_json(layer: &Layer) -> Value {
    let fields = layer
        .iter()
        .map(|(field, value)| (field.name().to_owned(), value.map_or(Value::Null, Value::from)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// The layer of a stored text.
pub(crate) fn from_json(text: &str) -> Result<Layer, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt(format!("layer of a rule: {why}"));
    let fields: BTreeMap<String, Option<i64>> =
        serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?;
    let mut layer = Layer::default();
    for (name, value) in fields {
        let field = RuleField::parse(&name).ok_or_else(|| corrupt(format!("no field {name}")))?;
        layer.set(field, value).map_err(|e| corrupt(e.to_string()))?;
    }
    Ok(layer)
}

/// Resolves units' rules from the layers that concern them. Units that nothing sets apart share one value.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    said: HashMap<Uuid, Layer>,
    presets: HashMap<String, Layer>,
    by_origin: HashMap<Origin, Arc<Rule>>,
    by_values: HashMap<Vec<Option<i64>>, Arc<Rule>>,
}

/// What a unit's rule depends on: its preset and the scopes above and at it that say anything.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Origin {
    scopes: [Option<Uuid>; 3],
    preset: Option<String>,
}

impl RuleBook {
    /// A book of the layers said at scopes, by the scopes' ids.
    pub(crate) fn new(said: impl IntoIterator<Item = (Uuid, Layer)>) -> Self {
        Self { said: said.into_iter().collect(), ..Self::default() }
    }

    /// Says `layer` at a scope, whatever was said there before.
    pub(crate) fn say(&mut self, scope: Uuid, layer: Layer) {
        self.said.insert(scope, layer);
        self.by_origin.clear();
    }

    /// The rule of a unit.
    pub(crate) fn rule(&mut self, unit: &UnitRecord) -> Result<Arc<Rule>, RuleError> {
        let scopes = [unit.id.0, unit.site.0, unit.org.0]
            .map(|id| Some(id).filter(|id| self.said.contains_key(id)));
        let origin = Origin { scopes, preset: unit.preset.clone() };
        if let Some(rule) = self.by_origin.get(&origin) {
            return Ok(Arc::clone(rule));
        }
        let layers = self.layers(unit);
        let rule = Rule::resolve(&layers)?;
        let values =
            hub_domain::rule::explain(&layers).into_iter().map(|resolved| resolved.value).collect();
        let rule = Arc::clone(self.by_values.entry(values).or_insert_with(|| Arc::new(rule)));
        self.by_origin.insert(origin, Arc::clone(&rule));
        Ok(rule)
    }

    /// The rule of a unit that is stored: a contradiction there should not be.
    pub(crate) fn stored_rule(&mut self, unit: &UnitRecord) -> Result<Arc<Rule>, StoreError> {
        if !is_known(unit.preset.as_ref()) {
            return Err(StoreError::Corrupt(format!(
                "preset of unit {}: {:?}",
                unit.id, unit.preset
            )));
        }
        self.rule(unit)
            .map_err(|error| StoreError::Corrupt(format!("rule of unit {}: {error}", unit.id)))
    }

    /// The rule of a unit that is about to be: a contradiction refuses it, and so does a preset there is not.
    pub(crate) fn check(&mut self, unit: &UnitRecord) -> Result<(), StoreError> {
        if !is_known(unit.preset.as_ref()) {
            return Err(StoreError::NotFound);
        }
        let refused = |error| StoreError::RuleContradiction { unit: unit.id, error };
        self.rule(unit).map(drop).map_err(refused)
    }

    /// Every field of a unit's rule and who said it.
    pub(crate) fn explain(&mut self, unit: &UnitRecord) -> Vec<Resolved> {
        hub_domain::rule::explain(&self.layers(unit))
    }

    fn layers(&mut self, unit: &UnitRecord) -> Vec<(RuleLayer, &Layer)> {
        if let Some(preset) = &unit.preset
            && !self.presets.contains_key(preset)
            && let Some(layer) = preset_layer(preset)
        {
            self.presets.insert(preset.clone(), layer);
        }
        let scopes = [
            (RuleLayer::Unit, unit.id.0),
            (RuleLayer::Site, unit.site.0),
            (RuleLayer::Organization, unit.org.0),
        ];
        let said = scopes.into_iter().filter_map(|(from, id)| Some((from, self.said.get(&id)?)));
        let preset = unit.preset.as_ref().and_then(|preset| self.presets.get(preset));
        said.chain(preset.map(|layer| (RuleLayer::Preset, layer))).collect()
    }
}
