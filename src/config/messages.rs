//! Settings of messages: by whom SMS and e-mails go out.

use hub_messaging::{
    SetupError,
    email::{self, Mailer},
    telnyx::{self, PublicKeys, Sender, Telnyx},
};
use secrecy::SecretString;

use super::{ConfigError, SettingArgs};

/// By whom messages go out.
#[derive(Clone, Debug)]
pub struct MessageSettings {
    telnyx: Option<TelnyxSettings>,
    mail: Option<MailSettings>,
    /// Who signs what Telnyx reports.
    pub telnyx_keys: PublicKeys,
}

#[derive(Clone, Debug)]
struct TelnyxSettings {
    url: String,
    key: SecretString,
    sender: Sender,
}

#[derive(Clone, Debug)]
struct MailSettings {
    url: SecretString,
    from: String,
}

impl MessageSettings {
    /// Whether e-mails go out.
    #[must_use]
    pub const fn has_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// What sends SMS, if it is set up.
    ///
    /// # Errors
    /// When it cannot be set up so.
    pub fn telnyx(&self) -> Result<Option<Telnyx>, SetupError> {
        let made = |it: &TelnyxSettings| {
            let timeouts = telnyx::Timeouts::default();
            Telnyx::new(&it.url, &it.key, it.sender.clone(), timeouts)
        };
        self.telnyx.as_ref().map(made).transpose()
    }

    /// What sends e-mails, if it is set up.
    ///
    /// # Errors
    /// When it cannot be set up so.
    pub fn mailer(&self) -> Result<Option<Mailer>, SetupError> {
        let made = |it: &MailSettings| Mailer::new(&it.url, &it.from, email::Timeouts::default());
        self.mail.as_ref().map(made).transpose()
    }
}

impl SettingArgs {
    pub(super) fn messages(&self) -> Result<MessageSettings, ConfigError> {
        let keys = self.text("telnyx-public-keys").split(',').map(str::trim);
        let keys = PublicKeys::parse(keys.filter(|key| !key.is_empty()));
        let settings = MessageSettings {
            telnyx: self.telnyx()?,
            mail: self.mail(),
            telnyx_keys: keys.map_err(|error| self.unusable("telnyx-public-keys", &error))?,
        };
        settings.telnyx().map_err(|error| self.unusable("telnyx-key", &error))?;
        settings.mailer().map_err(|error| self.unusable("smtp-url", &error))?;
        Ok(settings)
    }

    fn telnyx(&self) -> Result<Option<TelnyxSettings>, ConfigError> {
        let said = |name| Some(self.text(name).trim()).filter(|text| !text.is_empty());
        let Some(key) = said("telnyx-key") else { return Ok(None) };
        let sender = Sender::from_settings(said("telnyx-from"), said("telnyx-profile"));
        let sender = sender.map_err(|error| self.unusable("telnyx-from", &error))?;
        let url = self.text("telnyx-url").trim().to_owned();
        Ok(Some(TelnyxSettings { url, key: key.to_owned().into(), sender }))
    }

    fn mail(&self) -> Option<MailSettings> {
        let url = self.text("smtp-url").trim();
        let from = self.text("mail-from").trim().to_owned();
        (!url.is_empty()).then(|| MailSettings { url: url.to_owned().into(), from })
    }

    fn unusable(&self, name: &str, error: &SetupError) -> ConfigError {
        ConfigError(format!("the setting --{name} cannot be used: {error}"))
    }
}
