//! What subscribers see of units and sites that are edited or taken away.

use super::*;

#[test]
fn a_deleted_unit_is_told_and_sends_its_own_subscribers_away() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let (of_site, of_unit) = (channels.subscriber(), channels.subscriber());
    let of_organization = channels.subscriber();
    let name = ChannelName::Unit(unit(2));
    let begun = channels.subscribe(CHANNEL, &of_site, None).unwrap().position;
    channels.subscribe(name, &of_unit, None).unwrap();
    channels.tick();
    channels.subscribe(ChannelName::Organization(ORG), &of_organization, None).unwrap();

    channels.remove_unit(SITE, unit(2));
    channels.remove_unit(SITE, unit(2));
    channels.tick();
    assert_eq!(taken(&of_site), [format!("{CHANNEL} 1 unit 2 removed")], "told once");
    assert_eq!(
        taken(&of_unit),
        [format!("{name} 1 unit 2 removed"), format!("{name} ended {STAY_AWAY}")]
    );
    assert_eq!(taken(&of_organization), [format!("org:{} 2 summary ok 0", ORG.0)]);
    assert_eq!(channels.site_of(unit(2)), None);
    let again = channels.subscribe(name, &channels.subscriber(), None);
    assert!(matches!(again, Err(SubscribeError::NotLive)));

    // who was away is told too, and who comes new finds it gone
    let missed = channels.history(CHANNEL, Some(begun)).unwrap().publications.unwrap();
    assert_eq!(missed.len(), 1);
    let fresh = channels.subscribe(CHANNEL, &channels.subscriber(), None).unwrap();
    assert_eq!(site_snapshot(fresh.start).units.len(), 2);
    channels.restore_unit(shown(2, 9), vec![]);
    assert_eq!(taken(&of_site), [format!("{CHANNEL} 2 unit 2 9")], "restored, it is there again");
}

#[test]
fn a_site_is_shown_as_edited_and_gone_when_it_is_deleted() {
    let Fixture { channels, .. } = fixture(ChannelSettings::default());
    let (subscriber, of_organization) = (channels.subscriber(), channels.subscriber());
    channels.subscribe(CHANNEL, &subscriber, None).unwrap();
    channels.tick();
    channels.subscribe(ChannelName::Organization(ORG), &of_organization, None).unwrap();
    let mut edited = site();
    (edited.name, edited.edition.version) = ("Bar".to_owned(), 3);
    channels.show_site(&edited);
    (edited.name, edited.edition.version) = ("Overtaken".to_owned(), 2);
    channels.show_site(&edited);
    channels.tick();
    let fresh = channels.subscribe(CHANNEL, &channels.subscriber(), None).unwrap();
    assert_eq!(site_snapshot(fresh.start).site.name, "Bar");
    assert_eq!(taken(&of_organization).len(), 1);

    channels.remove_site(SITE);
    channels.tick();
    assert_eq!(taken(&subscriber), [format!("{CHANNEL} ended {STAY_AWAY}")]);
    assert_eq!(
        taken(&of_organization),
        [format!("org:{} 3 site {} removed", ORG.0, SITE.0.as_u128())]
    );
    assert!(!channels.is_live(SITE));
    let left = channels.subscribe(ChannelName::Organization(ORG), &channels.subscriber(), None);
    let Start::Snapshot(Snapshot::Organization(left)) = left.unwrap().start else { panic!() };
    assert_eq!(left.sites.len(), 0);
}
