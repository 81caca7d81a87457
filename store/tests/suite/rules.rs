//! Alert rules.

use std::sync::Arc;

use hub_domain::{Layer, MilliCelsius, Preset, RuleField, RuleLayer};
use hub_store::{
    RuleEdit, RuleFilter, RuleScope, StoreError,
    records::{Actor, Life},
};
use uuid::Uuid;

use crate::world::{World, all_pages};

fn layer(said: &[(RuleField, Option<i64>)]) -> Layer {
    let mut layer = Layer::default();
    for (field, value) in said {
        layer.set(*field, *value).unwrap();
    }
    layer
}

fn high(limit: i64) -> Layer {
    layer(&[(RuleField::HighLimit, Some(limit))])
}

pub(crate) async fn each_edit_is_a_version(world: &World) {
    let (store, by) = (&world.store, Actor::Hub);
    let (org, site, units) = world.units(2).await;
    let unit = units[0].id;
    let (first, is_new) =
        store.put_rule(org, RuleLayer::Site, site.0, high(8_000), by).await.unwrap();
    assert!(is_new && first.version == 1);
    world.clock.set(crate::world::NOON.plus_secs(60));
    let (second, is_new) =
        store.put_rule(org, RuleLayer::Site, site.0, high(7_000), by).await.unwrap();
    assert_eq!((is_new, second.id, second.version), (false, first.id, 2));
    assert_eq!(second.created_at, first.created_at);
    assert_eq!(store.rule(org, first.id).await.unwrap(), Some(second.clone()));
    assert_eq!(store.rule(world.org().await, first.id).await.unwrap(), None);

    let own = layer(&[(RuleField::HighLimit, None), (RuleField::LowLimit, Some(1_000))]);
    let (own, _) = store.put_rule(org, RuleLayer::Unit, unit.0, own, by).await.unwrap();
    assert_eq!(
        all_pages(|page| store.rules(org, RuleFilter::default(), page)).await,
        [second, own]
    );
    let effective = store.effective_rule(org, unit).await.unwrap().unwrap();
    let fields = &effective.fields;
    let of = |field| fields.iter().find(|r| r.field == field).map(|r| (r.value, r.from)).unwrap();
    let at = |layer| effective.rule_at(layer).map(|rule| (rule.id, rule.version));
    assert_eq!(at(RuleLayer::Site), Some((first.id, 2)));
    assert_eq!(at(RuleLayer::Organization), None);
    assert_eq!(effective.version, 3, "each edit raises the organization's version");
    assert_eq!(
        of(RuleField::HighLimit),
        (None, RuleLayer::Unit),
        "none said nearer hides what is said farther"
    );
    assert_eq!(of(RuleField::LowLimit), (Some(1_000), RuleLayer::Unit));
    assert_eq!(of(RuleField::RestoreReadings).1, RuleLayer::Default);
    let rules = store.rules_of(RuleScope::Unit(units[1].id)).await.unwrap();
    assert_eq!((rules[0].1.high_limit, rules[0].2), (Some(MilliCelsius(7_000)), 3));
}

pub(crate) async fn a_rule_that_contradicts_a_unit_below_is_refused(world: &World) {
    let (store, by) = (&world.store, Actor::Hub);
    let (org, _, units) = world.units(2).await;
    let cold = layer(&[(RuleField::HighLimit, Some(-15_000))]);
    store.put_rule(org, RuleLayer::Unit, units[1].id.0, cold, by).await.unwrap();
    let low = layer(&[(RuleField::LowLimit, Some(2_000))]);
    let refused = store.put_rule(org, RuleLayer::Organization, org.0, low, by).await;
    assert!(
        matches!(refused, Err(StoreError::RuleContradiction { unit, .. }) if unit == units[1].id),
        "{refused:?}"
    );
    assert_eq!(
        all_pages(|page| store.rules(org, RuleFilter::default(), page)).await.len(),
        1,
        "nothing was written"
    );
    assert_eq!(store.effective_rule(org, units[0].id).await.unwrap().unwrap().version, 1);
}

pub(crate) async fn a_unit_that_contradicts_the_rules_above_is_refused(world: &World) {
    let (org, site, _) = world.units(0).await;
    let with_high = |preset: &&Preset| {
        preset.layer().get(RuleField::HighLimit).flatten().is_some_and(|t| t < 20_000)
    };
    let preset =
        Preset::all().iter().filter(|preset| preset.is_supported()).find(with_high).unwrap();
    let warm = layer(&[(RuleField::LowLimit, Some(30_000)), (RuleField::HighCeiling, None)]);
    world.store.put_rule(org, RuleLayer::Organization, org.0, warm, Actor::Hub).await.unwrap();
    let refused =
        world.store.create_unit(org, site, None, "cold", Some(preset.id), Actor::Hub).await;
    assert!(matches!(refused, Err(StoreError::RuleContradiction { .. })), "{refused:?}");
    assert_eq!(all_pages(|page| world.store.units(org, None, Life::Present, page)).await, []);
}

pub(crate) async fn equal_rules_share_one_value(world: &World) {
    let (store, by) = (&world.store, Actor::Hub);
    let (org, site, units) = world.units(4).await;
    let far = world.site(org).await;
    let beyond = world.unit(org, far).await;
    store.put_rule(org, RuleLayer::Organization, org.0, high(5_000), by).await.unwrap();
    store.put_rule(org, RuleLayer::Unit, units[3].id.0, high(9_000), by).await.unwrap();
    let rules = store.rules_of(RuleScope::Organization(org)).await.unwrap();
    let rule = |id| rules.iter().find(|(unit, ..)| *unit == id).map(|(_, rule, _)| rule).unwrap();
    assert_eq!(rules.len(), 5);
    assert!(Arc::ptr_eq(rule(units[0].id), rule(units[1].id)));
    assert!(Arc::ptr_eq(rule(units[0].id), rule(beyond.id)));
    assert_eq!(rule(units[3].id).high_limit, Some(MilliCelsius(9_000)));
    assert_eq!(store.rules_of(RuleScope::Site(site)).await.unwrap().len(), 4);
}

pub(crate) async fn a_rule_needs_a_scope_of_its_organization(world: &World) {
    let (org, site, units) = world.units(1).await;
    let other = world.org().await;
    let scopes = [
        (other, RuleLayer::Site, site.0),
        (other, RuleLayer::Unit, units[0].id.0),
        (other, RuleLayer::Organization, org.0),
        (org, RuleLayer::Unit, site.0),
        (org, RuleLayer::Preset, org.0),
        (hub_domain::OrgId(Uuid::nil()), RuleLayer::Organization, Uuid::nil()),
    ];
    for (org, scope, id) in scopes {
        let refused = world.store.put_rule(org, scope, id, high(5_000), Actor::Hub).await;
        assert!(matches!(refused, Err(StoreError::NotFound)), "{scope:?} {refused:?}");
    }
}

pub(crate) async fn a_rule_is_edited_taken_away_and_brought_back(world: &World) {
    let (store, by) = (&world.store, Actor::Hub);
    let (org, site, _) = world.units(1).await;
    let other = world.org().await;
    let both = layer(&[(RuleField::HighLimit, Some(8_000)), (RuleField::LowLimit, Some(1_000))]);
    let (made, _) = store.put_rule(org, RuleLayer::Site, site.0, both, by).await.unwrap();
    let edit = RuleEdit { said: high(7_000), unset: vec![RuleField::LowLimit] };
    let edited = store.edit_rule(org, made.id, Some(1), edit.clone(), by).await.unwrap();
    assert_eq!((edited.version, &edited.layer), (2, &high(7_000)));
    let stale = store.edit_rule(org, made.id, Some(1), edit.clone(), by).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    let early = store.restore_rule(org, made.id, by).await;
    assert!(matches!(early, Err(StoreError::NotDeleted)), "{early:?}");

    let gone = store.delete_rule(org, made.id, by).await.unwrap();
    assert!(gone.layer.is_empty() && gone.deleted_at.is_some() && gone.version == 3);
    let again = store.edit_rule(org, made.id, None, edit, by).await;
    assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
    let deleted = RuleFilter { life: Life::Deleted, ..RuleFilter::default() };
    assert_eq!(all_pages(|page| store.rules(org, RuleFilter::default(), page)).await, []);
    assert_eq!(all_pages(|page| store.rules(org, deleted, page)).await, [gone]);

    let back = store.restore_rule(org, made.id, by).await.unwrap();
    assert_eq!((back.version, &back.layer, back.deleted_at), (4, &high(7_000), None));
    let versions = all_pages(|page| store.rule_versions(org, made.id, page)).await;
    let told: Vec<_> = versions.iter().map(|it| (it.version, it.action.as_str())).collect();
    assert_eq!(told, [(4, "restored"), (3, "deleted"), (2, "updated"), (1, "created")]);
    assert!(all_pages(|page| store.rule_versions(other, made.id, page)).await.is_empty());
    store.delete_rule(org, made.id, by).await.unwrap();
    let (anew, is_new) =
        store.put_rule(org, RuleLayer::Site, site.0, high(6_000), by).await.unwrap();
    assert_eq!((is_new, anew.id, anew.version, anew.deleted_at), (true, made.id, 6, None));
}

pub(crate) async fn a_rule_whose_end_would_leave_a_contradiction_stays(world: &World) {
    let (store, by) = (&world.store, Actor::Hub);
    let (org, site, units) = world.units(1).await;
    let (near, _) = store.put_rule(org, RuleLayer::Site, site.0, high(9_000), by).await.unwrap();
    let low = layer(&[(RuleField::LowLimit, Some(4_000))]);
    store.put_rule(org, RuleLayer::Unit, units[0].id.0, low, by).await.unwrap();
    store.put_rule(org, RuleLayer::Organization, org.0, high(3_000), by).await.unwrap();
    let refused = store.delete_rule(org, near.id, by).await;
    assert!(matches!(refused, Err(StoreError::RuleContradiction { .. })), "{refused:?}");
    assert_eq!(store.rule(org, near.id).await.unwrap(), Some(near));
}
