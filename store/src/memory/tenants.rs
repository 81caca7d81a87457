//! Organizations, people and keys in memory.

use std::collections::{HashMap, HashSet};

use hub_domain::{KeyId, OrgId, SiteId, Timestamp, UserId};
use uuid::Uuid;

use super::{Memory, Tables, page_by_id, page_by_id_back};
use crate::{
    StoreError,
    records::{
        ApiKey, AuditEntry, Life, Membership, Organization, Page, PageQuery, Presence, Role,
        SigningKey, Subject, TtnConnection, User,
    },
};

impl Tables {
    pub(super) fn audit(&mut self, entry: &AuditEntry) {
        self.audit.insert(entry.id, entry.clone());
    }

    pub(super) fn need_organization(&self, org: OrgId) -> Result<(), StoreError> {
        self.organizations.get(&org).map(drop).ok_or(StoreError::NotFound)
    }

    pub(super) fn need_site(&self, org: OrgId, site: SiteId) -> Result<(), StoreError> {
        self.sites.get(&site).filter(|site| site.org == org).map(drop).ok_or(StoreError::NotFound)
    }
}

impl Memory {
    pub(crate) fn audit_log(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let tables = self.tables();
        page_by_id_back(
            tables.audit.values().rev().filter(|entry| entry.org == org),
            |entry| entry.id,
            page,
        )
    }

    pub(crate) fn insert_organization(
        &self,
        organization: &Organization,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.organizations.insert(organization.id, (organization.clone(), 0));
        tables.audit(&entry);
        Ok(())
    }

    pub(crate) fn organization(&self, org: OrgId) -> Result<Option<Organization>, StoreError> {
        Ok(self.tables().organizations.get(&org).map(|(organization, _)| organization.clone()))
    }

    pub(crate) fn put_membership(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_organization(org)?;
        tables.users.get(&user).ok_or(StoreError::NotFound)?;
        tables.memberships.insert((org, user), role);
        tables.audit(&entry);
        Ok(())
    }

    pub(crate) fn delete_membership(
        &self,
        org: OrgId,
        user: UserId,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if tables.memberships.remove(&(org, user)).is_some() {
            tables.audit(&entry);
        }
        Ok(())
    }

    pub(crate) fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let tables = self.tables();
        let of_user = tables.memberships.iter().filter(|((_, member), _)| *member == user);
        let membership = of_user.filter_map(|((org, _), role)| {
            let (organization, _) = tables.organizations.get(org)?;
            Some(Membership { organization: organization.clone(), user, role: *role })
        });
        Ok(membership.collect())
    }

    pub(crate) fn presence(&self, user: UserId) -> Result<Presence, StoreError> {
        let generation = self.user(user)?.map(|_| 0); // passwords are not kept here
        Ok(Presence { generation, memberships: self.memberships(user)? })
    }

    pub(crate) fn token_generations(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, i64>, StoreError> {
        let tables = self.tables();
        let is_there = |user: &&UserId| tables.users.contains_key(*user);
        Ok(users.iter().filter(is_there).map(|user| (*user, 0)).collect())
    }

    pub(crate) fn membership(&self, org: OrgId, user: UserId) -> Result<Option<Role>, StoreError> {
        Ok(self.tables().memberships.get(&(org, user)).copied())
    }

    pub(crate) fn members_among(
        &self,
        pairs: &[(UserId, OrgId)],
        least: Role,
    ) -> Result<HashSet<(UserId, OrgId)>, StoreError> {
        let tables = self.tables();
        let is_member = |(user, org): &(UserId, OrgId)| {
            tables.memberships.get(&(*org, *user)).is_some_and(|role| *role >= least)
        };
        Ok(pairs.iter().copied().filter(is_member).collect())
    }

    pub(crate) fn insert_user(&self, user: &User) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if tables.users.values().any(|(other, _)| other.email == user.email) {
            return Err(StoreError::Taken("email"));
        }
        tables.users.insert(user.id, (user.clone(), None));
        Ok(())
    }

    pub(crate) fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        Ok(self
            .tables()
            .users
            .values()
            .find(|(user, _)| user.email == email)
            .map(|(user, _)| user.clone()))
    }

    pub(crate) fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.tables().users.get(&id).map(|(user, _)| user.clone()))
    }

    pub(crate) fn user_by_subject(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        let is_it = |tie: &Option<(String, String)>| {
            tie.as_ref().is_some_and(|(i, s)| i == issuer && s == subject)
        };
        Ok(self.tables().users.values().find(|(_, tie)| is_it(tie)).map(|(user, _)| user.clone()))
    }

    pub(crate) fn link_subject(
        &self,
        user: UserId,
        subject: &Subject,
        _now: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let Subject { issuer, subject } = subject;
        let is_others = self.user_by_subject(issuer, subject)?.is_some();
        let mut tables = self.tables();
        let (_, tie) = tables.users.get_mut(&user).ok_or(StoreError::NotFound)?;
        if is_others || tie.is_some() {
            return Err(StoreError::Taken("subject"));
        }
        *tie = Some((issuer.clone(), subject.clone()));
        entries.iter().for_each(|entry| tables.audit(entry));
        Ok(())
    }

    pub(crate) fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        Ok(self.tables().signing_keys.clone())
    }

    pub(crate) fn insert_signing_key(&self, key: &SigningKey) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if tables.signing_keys.iter().any(|other| other.kid == key.kid) {
            return Err(StoreError::Taken("kid"));
        }
        tables.signing_keys.push(key.clone());
        tables.signing_keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
        Ok(())
    }

    pub(crate) fn insert_api_key(
        &self,
        key: &ApiKey,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_organization(key.org)?;
        if let Some(site) = key.site {
            tables.need_site(key.org, site)?;
        }
        if tables.api_keys.contains_key(&key.id) {
            return Err(StoreError::Taken("id"));
        }
        tables.api_keys.insert(key.id, key.clone());
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn api_key(&self, org: OrgId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.find_api_key(id)?.filter(|key| key.org == org))
    }

    pub(crate) fn find_api_key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.tables().api_keys.get(&id).cloned())
    }

    pub(crate) fn api_keys(
        &self,
        org: OrgId,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<ApiKey>, StoreError> {
        let is_wanted =
            |key: &&ApiKey| key.org == org && key.revoked_at.is_some() == (life == Life::Deleted);
        page_by_id(self.tables().api_keys.values().filter(is_wanted), |key| key.id.0, page)
    }

    pub(crate) fn note_key_use(&self, id: KeyId, minute: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = self.tables().api_keys.get_mut(&id) {
            key.last_used_at = key.last_used_at.max(Some(minute));
        }
        Ok(())
    }

    pub(crate) fn revoke_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let key = tables
            .api_keys
            .get_mut(&id)
            .filter(|key| key.org == org)
            .ok_or(StoreError::NotFound)?;
        if key.revoked_at.is_none() {
            key.revoked_at = Some(entry.at);
            tables.audit(entry);
        }
        Ok(())
    }

    pub(crate) fn insert_ttn_connection(
        &self,
        made: &TtnConnection,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.need_organization(made.org)?;
        tables.ttn_connections.insert(made.id, made.clone());
        tables.audit(entry);
        Ok(())
    }

    pub(crate) fn ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        Ok(self.find_ttn_connection(id)?.filter(|connection| connection.org == org))
    }

    pub(crate) fn find_ttn_connection(
        &self,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        Ok(self.tables().ttn_connections.get(&id).cloned())
    }

    pub(crate) fn ttn_connections(
        &self,
        org: OrgId,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<TtnConnection>, StoreError> {
        let tables = self.tables();
        page_by_id(
            // here none is ever taken away
            tables.ttn_connections.values().filter(|made| made.org == org && life == Life::Present),
            |made| made.id,
            page,
        )
    }
}
