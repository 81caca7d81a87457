//! What operators do: bring the database up to date, make the first organization.

use anyhow::{Context as _, ensure};
use hub_domain::Timestamp;
use hub_store::{
    Store, StoreError,
    records::{Actor, LinkPurpose, Role},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    auth::{FreshLink, Passwords, Signer, fresh_secret, keys::FreshKey, passwords, proof},
    http::account::RESET_SECS,
    wire::InstantOut,
};

/// An organization to be made.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Its name.
    pub organization: String,
    /// Its owner's address.
    pub email: String,
    /// The owner's password; without it one is made.
    pub password: Option<SecretString>,
    /// The owner's name.
    pub name: Option<String>,
}

/// What was made. The only place where the key's text and the made password are ever shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapOut {
    /// The organization.
    pub organization_id: String,
    /// Its owner.
    pub user_id: String,
    /// The owner's address.
    pub email: String,
    /// A token of the owner.
    pub token: String,
    /// A key for readings of the whole organization.
    pub api_key: String,
    /// The owner's password, where it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Makes an organization with an owner and a key.
///
/// # Errors
/// When what was asked for cannot be used, somebody has the address, or the store does not answer.
pub async fn bootstrap(
    store: &Store,
    asked: Bootstrap,
    token_secs: u32,
    now: Timestamp,
) -> anyhow::Result<BootstrapOut> {
    let email = asked.email.trim().to_ascii_lowercase();
    check(&asked, &email)?;
    let (password, made) = match asked.password {
        Some(ref password) => (password.expose_secret().to_owned(), None),
        None => made_password(),
    };
    ensure!(
        store.user_by_email(&email).await?.is_none(),
        "somebody has the e-mail address {email} already"
    );
    let hash = Passwords::new(1).hash(password).await?;
    let name = asked.name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    let user = match store.create_user(&email, &name, Some(&hash)).await {
        Err(StoreError::Taken(_)) => {
            anyhow::bail!("somebody has the e-mail address {email} already")
        }
        made => made?,
    };
    let organization = store.create_organization(&asked.organization, Actor::Hub).await?;
    store.set_membership(organization.id, user.id, Role::Owner).await?;
    let key = FreshKey::new();
    store
        .create_api_key(organization.id, key.id, None, "first key", key.secret_hash, Actor::Hub)
        .await?;
    let (signer, _) = Signer::load(store, now, token_secs).await?;
    let (token, _) = signer.token(user.id, 0, now)?;
    Ok(BootstrapOut {
        organization_id: organization.id.to_string(),
        user_id: user.id.to_string(),
        email,
        token,
        api_key: key.text,
        password: made,
    })
}

/// Somebody who was made an operator.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorOut {
    /// Who.
    pub user_id: String,
    /// Their address.
    pub email: String,
    /// Their password, where their account was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Makes somebody an operator of the platform, with an account if they have none.
///
/// # Errors
/// When the address cannot be used, or the store does not answer.
pub async fn add_operator(store: &Store, email: &str) -> anyhow::Result<OperatorOut> {
    let email = proof::email_of(email).context("the e-mail address cannot be used")?;
    let (user, password) = match store.user_by_email(&email).await? {
        Some(user) => (user, None),
        None => {
            let (password, made) = made_password();
            let hash = Passwords::new(1).hash(password).await?;
            let name = email.split('@').next().unwrap_or_default();
            (store.create_user(&email, name, Some(&hash)).await?, made)
        }
    };
    store.add_operator(user.id).await?;
    Ok(OperatorOut { user_id: user.id.to_string(), email, password })
}

/// Makes somebody no operator of the platform; their stays in organizations end.
///
/// # Errors
/// When nobody has the address, or the store does not answer.
pub async fn remove_operator(store: &Store, email: &str) -> anyhow::Result<()> {
    let user = store.user_by_email(email.trim()).await?;
    let user = user.context("nobody has that e-mail address")?;
    Ok(store.remove_operator(user.id).await?)
}

/// A link to set a password, for whoever runs the hub to hand over.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResetLinkOut {
    /// Whose.
    pub user_id: String,
    /// Their address.
    pub email: String,
    /// The address to open.
    pub link: String,
    /// Until when it is good.
    pub expires_at: InstantOut,
}

/// Makes a link with which somebody sets a password, whatever their role.
///
/// It is the way back for an owner whom nobody in the organization may give one. It is in the audit log of each
/// organization that they are in.
///
/// # Errors
/// When nobody has the address, or the store does not answer.
pub async fn reset_link(
    store: &Store,
    email: &str,
    public_url: &str,
) -> anyhow::Result<ResetLinkOut> {
    let user = store.user_by_email(email.trim()).await?;
    let user = user.context("nobody has that e-mail address")?;
    let fresh = FreshLink::new(Uuid::now_v7());
    let (purpose, secret) = (LinkPurpose::PasswordReset, fresh.secret());
    let expires_at = store.make_link_by_hand(user.id, purpose, secret, RESET_SECS).await?;
    Ok(ResetLinkOut {
        user_id: user.id.to_string(),
        email: user.email,
        link: fresh.url(public_url, "password-reset"),
        expires_at: InstantOut(expires_at),
    })
}

fn made_password() -> (String, Option<String>) {
    let password: String = fresh_secret().chars().take(24).collect();
    (password.clone(), Some(password))
}

fn check(asked: &Bootstrap, email: &str) -> anyhow::Result<()> {
    let is_name = |text: &str| {
        !text.trim().is_empty()
            && text.chars().count() <= 200
            && !text.chars().any(char::is_control)
    };
    ensure!(email.contains('@'), "the e-mail address has no @");
    ensure!(proof::email_of(email).is_some(), "the e-mail address cannot be used");
    ensure!(is_name(&asked.organization), "the organization's name must have 1 to 200 characters");
    ensure!(
        asked.name.as_deref().is_none_or(is_name),
        "the owner's name must have 1 to 200 characters"
    );
    let chosen = asked.password.as_ref();
    let fault = chosen.and_then(|password| passwords::fault_of(password.expose_secret(), email));
    fault.map_or(Ok(()), |fault| anyhow::bail!(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_owners_password_is_as_hard_to_guess_as_any() {
        let fault = |password: &str| {
            let asked = Bootstrap {
                organization: "Acme".to_owned(),
                email: "ada@example.test".to_owned(),
                password: Some(password.to_owned().into()),
                name: None,
            };
            check(&asked, "ada@example.test").err().map(|error| error.to_string())
        };
        assert_eq!(fault("correct horse battery staple"), None);
        for bad in ["12345678", "aaaaaaaaaaaaaaaa", "ada@example.test"] {
            assert!(fault(bad).is_some_and(|fault| fault.starts_with("the password")), "{bad}");
        }
    }
}
