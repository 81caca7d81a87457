//! The names of channels.

use std::{fmt, str::FromStr};

use hub_domain::{OrgId, SiteId, UnitId};
use uuid::Uuid;

/// A topic that people may subscribe to: `site:<uuid>`, `unit:<uuid>` or `org:<uuid>`.
///
/// Only the canonical spelling is a name (lower case, hyphens), so that one channel cannot be held twice under
/// two spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChannelName {
    /// Alert events and summaries of an organization's sites.
    Organization(OrgId),
    /// Unit updates and alert events of a site.
    Site(SiteId),
    /// Those of one unit.
    Unit(UnitId),
}

/// Makes the name of a kind's channel.
type Make = fn(Uuid) -> ChannelName;

/// Every kind there is, by its word: what is not here is no channel.
const KINDS: [(&str, Make); 3] = [
    ("org", |id| ChannelName::Organization(OrgId(id))),
    ("site", |id| ChannelName::Site(SiteId(id))),
    ("unit", |id| ChannelName::Unit(UnitId(id))),
];

impl ChannelName {
    /// The words of all kinds of channel.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().map(|(kind, _)| kind)
    }

    const fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Organization(id) => ("org", id.0),
            Self::Site(id) => ("site", id.0),
            Self::Unit(id) => ("unit", id.0),
        }
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        let mut buffer = Uuid::encode_buffer();
        f.write_str(kind)?;
        f.write_str(":")?;
        f.write_str(id.hyphenated().encode_lower(&mut buffer))
    }
}

/// What was asked for is no channel's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such kind of channel")]
pub struct BadName;

impl FromStr for ChannelName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (kind, id) = text.split_once(':').ok_or(BadName)?;
        let uuid: Uuid = id.parse().map_err(|_| BadName)?;
        let (_, make) = KINDS.into_iter().find(|(known, _)| *known == kind).ok_or(BadName)?;
        let name = make(uuid);
        let mut buffer = Uuid::encode_buffer();
        let is_canonical = id == uuid.hyphenated().encode_lower(&mut buffer);
        if is_canonical { Ok(name) } else { Err(BadName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "018f4e6c-7b5a-7c3d-8e9f-0a1b2c3d4e5f";

    #[test]
    fn a_name_reads_as_it_is_written() {
        assert_eq!(ChannelName::kinds().count(), 3);
        for kind in ChannelName::kinds() {
            let text = format!("{kind}:{ID}");
            assert_eq!(text.parse::<ChannelName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn another_spelling_is_no_name() {
        let upper = format!("site:{}", ID.to_uppercase());
        let simple = format!("site:{}", ID.replace('-', ""));
        let braced = format!("site:{{{ID}}}");
        for text in
            ["", "site", "site:", "sites:x", ":", &upper, &simple, &braced, &format!(" site:{ID}")]
        {
            assert_eq!(text.parse::<ChannelName>(), Err(BadName), "{text}");
        }
        assert_eq!(format!("$site:{ID}").parse::<ChannelName>(), Err(BadName));
    }
}
