//! Pages that links in mails open, for a reader without a session and a browser without scripts.

use hub_domain::{AlertKind, MilliCelsius, Timestamp};
use minijinja::{Value, context};

use super::alert::shown;
use super::measure::View;
use super::message::Room;

/// A page.
#[derive(Clone)]
pub enum Page {
    /// What a mail told, and a button that acknowledges it.
    Acknowledge(AcknowledgePage),
    /// Whether mails come, and a button that changes it.
    Unsubscribe(UnsubscribePage),
    /// What a link in an account's mail is for, and a form that does it.
    Account(AccountPage),
    /// Why there is nothing to be seen or done.
    Refused(RefusedPage),
}

/// What a mail told.
#[derive(Clone)]
pub struct AcknowledgePage {
    /// Whose alerts.
    pub organization: String,
    /// What was told; empty where it was a test.
    pub items: Vec<PageAlert>,
    /// Whether the reader has just pressed the button, and something came of it.
    pub is_done: bool,
    /// More on screen.
    pub view_url: String,
}

/// An alert on a page.
#[derive(Clone)]
pub struct PageAlert {
    /// Its unit.
    pub unit: String,
    /// Its site.
    pub site: String,
    /// What it is about.
    pub kind: AlertKind,
    /// The temperature to be told.
    pub temperature: Option<MilliCelsius>,
    /// Since when.
    pub opened_at: Timestamp,
    /// Where it stands.
    pub state: PageState,
    /// How the reader sees it.
    pub view: View,
}

/// Where an alert on a page stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageState {
    /// The button acknowledges it.
    Open,
    /// Somebody acknowledged it.
    Acknowledged {
        /// Who, where that is known.
        by: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Over {
        /// Since then.
        at: Timestamp,
        /// Who had acknowledged it, where somebody had and that is known.
        by: Option<String>,
    },
    /// It got worse, or lasted past its acknowledgement, since the mail: a later mail tells of that.
    Later,
}

/// Whether mails come.
#[derive(Clone)]
pub struct UnsubscribePage {
    /// Whose mails.
    pub organization: String,
    /// To what address, as far as it is shown.
    pub address: String,
    /// Whether the reader gets none.
    pub is_ended: bool,
    /// Whether they may end them: whoever can change who is told does it there.
    pub may_end: bool,
}

/// What a link in an account's mail is for.
#[derive(Clone)]
pub struct AccountPage {
    /// Whose account, or whom an invitation is for.
    pub email: String,
    /// To what an invitation is.
    pub organization: String,
    /// What is to be done, or was.
    pub deed: AccountDeed,
    /// What was wrong with the form, as a sentence.
    pub complaint: Option<String>,
    /// Where one signs in.
    pub view_url: String,
}

/// What a page does to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountDeed {
    /// Sets a password.
    Password,
    /// Proves an address.
    Address,
    /// Accepts an invitation for somebody who has an account.
    Joining,
    /// The same for somebody new.
    Coming,
    /// The password is set.
    PasswordSet,
    /// The address is proven.
    AddressProven,
    /// The invitation is accepted.
    Joined,
}

impl AccountDeed {
    /// What it is once it is done.
    #[must_use]
    pub const fn done(self) -> Self {
        match self {
            Self::Password | Self::PasswordSet => Self::PasswordSet,
            Self::Address | Self::AddressProven => Self::AddressProven,
            Self::Joining | Self::Coming | Self::Joined => Self::Joined,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Address => "address",
            Self::Joining => "joining",
            Self::Coming => "coming",
            Self::PasswordSet => "password_set",
            Self::AddressProven => "address_proven",
            Self::Joined => "joined",
        }
    }
}

/// Why a page shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedPage {
    /// The link is none of the hub's, or what it was about is gone.
    Unknown,
    /// The link is over.
    Expired,
    /// Not now; it may be tried again.
    NotNow,
}

impl Page {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge(_) => "page_acknowledge",
            Self::Unsubscribe(_) => "page_unsubscribe",
            Self::Account(_) => "page_account",
            Self::Refused(_) => "page_refused",
        }
    }

    pub(super) fn values(&self, room: Room) -> Value {
        match self {
            Self::Acknowledge(it) => it.values(room),
            Self::Unsubscribe(it) => context! {
                organization => room.name(&it.organization),
                address => room.name(&it.address),
                is_ended => it.is_ended,
                may_end => it.may_end,
            },
            Self::Account(it) => context! {
                email => room.name(&it.email),
                organization => room.name(&it.organization),
                what => it.deed.name(),
                complaint => it.complaint.clone(),
                view_url => &it.view_url,
            },
            Self::Refused(why) => context! { why => why.name() },
        }
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Page").field(&self.name()).finish()
    }
}

impl AcknowledgePage {
    fn values(&self, room: Room) -> Value {
        let is_open = |item: &PageAlert| item.state == PageState::Open;
        context! {
            organization => room.name(&self.organization),
            items => self.items.iter().map(|item| item.values(room)).collect::<Vec<_>>(),
            open => self.items.iter().filter(|item| is_open(item)).count(),
            is_done => self.is_done,
            view_url => &self.view_url,
        }
    }
}

impl PageAlert {
    fn values(&self, room: Room) -> Value {
        let (state, by, at) = match &self.state {
            PageState::Open => ("open", None, None),
            PageState::Acknowledged { by, at } => ("acknowledged", by.as_ref(), Some(*at)),
            PageState::Over { at, by } => ("over", by.as_ref(), Some(*at)),
            PageState::Later => ("later", None, None),
        };
        context! {
            unit => room.name(&self.unit),
            site => room.name(&self.site),
            kind => self.kind.name(),
            temperature => shown(self.temperature, self.view, room),
            since_long => self.view.time_long(self.opened_at),
            state => state,
            by => room.maybe(by),
            at_long => at.map(|at| self.view.time_long(at)),
        }
    }
}

impl RefusedPage {
    const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::NotNow => "not_now",
        }
    }
}
