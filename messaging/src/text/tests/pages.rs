//! Pages that links in mails open.

use hub_domain::AlertKind;

use super::super::*;
use super::samples::*;

fn item(unit: &str, state: PageState) -> PageAlert {
    PageAlert {
        unit: unit.to_owned(),
        site: "Main Street".to_owned(),
        kind: AlertKind::TemperatureHigh,
        temperature: None,
        opened_at: OPENED,
        state,
        view: view(),
    }
}

fn page(items: Vec<PageAlert>, is_done: bool) -> String {
    let organization = "Harbour Kitchens".to_owned();
    let view_url = "https://hub.example.org".to_owned();
    written(&Page::Acknowledge(AcknowledgePage { organization, items, is_done, view_url }))
}

fn written(page: &Page) -> String {
    Texts::new().unwrap().page(page, Language::English).unwrap()
}

#[test]
fn a_page_has_a_button_as_long_as_something_is_open() {
    let at = OPENED.plus_secs(60);
    let ben = Some("Ben".to_owned());
    let seen = |by| PageState::Acknowledged { by, at };
    let asked = page(vec![item("Cooler", PageState::Open)], false);
    assert!(
        asked.contains("<form method=\"post\"") && asked.contains("Nothing is acknowledged yet")
    );
    let done = page(vec![item("Cooler", seen(ben.clone()))], true);
    assert!(!done.contains("<form") && done.contains(">Acknowledged</h1>"), "{done}");
    let late = page(vec![item("Cooler", seen(ben))], false);
    assert!(!late.contains("<form") && !late.contains(">Acknowledged</h1>"), "{late}");
    assert!(late.contains("14:04") && late.contains("by Ben"), "{late}");
    let over = page(vec![item("Cooler", PageState::Over { at, by: None })], false);
    assert!(!over.contains("<form") && over.contains("Over since"), "{over}");
    let later = page(vec![item("Cooler", PageState::Later)], false);
    assert!(!later.contains("<form") && later.contains("the newest mail"), "{later}");
    let some = vec![item("Cooler", seen(None)), item("Freezer", PageState::Open)];
    assert!(page(some, false).contains("Acknowledge this alert?"));
    let test = page(Vec::new(), false);
    assert!(!test.contains("<form") && test.contains("This was a test"), "{test}");
}

#[test]
fn a_page_says_what_ends_and_who_cannot_end_it_here() {
    let state = |is_ended, may_end| UnsubscribePage {
        organization: "Harbour Kitchens".to_owned(),
        address: "anna@example.org".to_owned(),
        is_ended,
        may_end,
    };
    let asked = written(&Page::Unsubscribe(state(false, true)));
    assert!(asked.contains("name=\"List-Unsubscribe\" value=\"One-Click\""), "{asked}");
    let ended = written(&Page::Unsubscribe(state(true, true)));
    assert!(ended.contains("name=\"Resubscribe\""), "{ended}");
    let owner = written(&Page::Unsubscribe(state(false, false)));
    assert!(!owner.contains("<form"), "{owner}");
}

#[test]
fn a_page_of_an_account_has_a_form_until_it_is_done() {
    let shown = |deed, complaint: Option<&str>| {
        written(&Page::Account(AccountPage {
            email: "anna@example.org".to_owned(),
            organization: "Harbour Kitchens".to_owned(),
            deed,
            complaint: complaint.map(str::to_owned),
            view_url: "https://hub.example.org".to_owned(),
        }))
    };
    for deed in
        [AccountDeed::Password, AccountDeed::Address, AccountDeed::Joining, AccountDeed::Coming]
    {
        assert!(shown(deed, None).contains("<form method=\"post\""), "{deed:?}");
        assert!(shown(deed, Some("Too <short>.")).contains("Too &lt;short&gt;."), "{deed:?}");
        let done = shown(deed.done(), None);
        assert!(!done.contains("<form") && done.contains("Sign in"), "{done}");
    }
    let coming = shown(AccountDeed::Coming, None);
    assert!(coming.contains("name=\"name\"") && coming.contains("autocomplete=\"new-password\""));
    assert!(shown(AccountDeed::Joining, None).contains("autocomplete=\"one-time-code\""));
}

#[test]
fn names_on_pages_are_inert() {
    for name in ["<img src=x onerror=alert(1)>", "\"><script>alert(1)</script>", "{{ 7 * 7 }}"] {
        let shown = page(vec![item(name, PageState::Open)], false);
        assert!(!shown.contains("<img") && !shown.contains("<script") && !shown.contains("49"));
    }
    for why in [RefusedPage::Unknown, RefusedPage::Expired, RefusedPage::NotNow] {
        let refused = written(&Page::Refused(why));
        assert!(refused.contains("</html>") && !refused.contains("<form"), "{refused}");
    }
}
