//! The tables that a new operation has to be entered in.

use crate::samples::Sample;

/// What the suite makes in each organization, in this order: the kind, and the operation that makes it.
///
/// What can be deleted is made four times: to be looked at, to be deleted (`spare_…`), deleted to be restored (`gone_…`),
/// and deleted to be purged (`dead_…`).
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("site", "createSite"),
    ("area", "createArea"),
    ("unit", "createUnit"),
    ("unit_b", "createUnit"),
    ("unit_c", "createUnit"),
    ("unit_d", "createUnit"),
    ("device", "createDevice"),
    ("gateway", "createGateway"),
    ("calibration", "createCalibration"),
    ("api_key", "createApiKey"),
    ("ttn_connection", "createTtnConnection"),
    ("alert_rule", "putAlertRule"),
    ("contact", "createContact"),
    ("notification_policy", "createNotificationPolicy"),
    ("digest", "createDigest"),
    ("invitation", "createInvitation"),
    ("inspector_link", "createInspectorLink"),
    ("manual_log", "createManualLog"),
    ("chosen_log", "createManualLog"),
    ("maintenance_window", "createMaintenanceWindow"),
    ("corrective_action", "createCorrectiveAction"),
];

/// Kinds whose names are of their sender's choosing, who may choose what another has: that is nobody's secret.
pub(crate) const CHOSEN: &[&str] = &["chosen_log", "typed_eui", "guest_email"];

/// What there is to look after one's account: it takes no role, and names no object of a tenant.
pub(crate) const OF_ACCOUNTS: &[&str] = &[
    "getMe",
    "editMe",
    "changePassword",
    "tieIssuer",
    "requestEmailVerification",
    "beginTotp",
    "confirmTotp",
    "removeTotp",
    "listOrganizations",
    "refreshToken",
    "signOut",
    "acceptInvitation",
];

/// What operators of the platform do, who have no role; to everybody else it is not there.
pub(crate) const OF_OPERATORS: &[&str] = &[
    "listPlatformOrganizations",
    "createPlatformOrganization",
    "renewOwnerInvitation",
    "listImpersonations",
    "beginImpersonation",
    "endImpersonation",
    "getQueues",
    "listDeadLetters",
    "retryDeadLetter",
];

/// Operations that give pages and gave no second one to the owner, with the reason.
pub(crate) const ONE_PAGE: &[(&str, &str)] = &[
    ("listPlatformOrganizations", "the owner is no operator: there is no such thing"),
    ("listImpersonations", "the owner is no operator: there is no such thing"),
    ("listDeadLetters", "the owner is no operator: there is no such thing"),
];

/// One good request of each operation; more than one where they name different things.
pub(crate) const SAMPLES: &[Sample] = &[
    // of the hub
    Sample::of("getJwks"),
    Sample::of("getDemo").answers(404),
    Sample::of("getOpenApi"),
    Sample::of("getLiveness"),
    Sample::of("getReadiness"),
    Sample::of("getMetrics"),
    // of accounts
    Sample::of("signIn").body(r#"{"email":"$email","password":"$secret"}"#).answers(401),
    Sample::of("refreshToken").body(r#"{"refreshToken":"$secret"}"#).answers(401),
    Sample::of("signOut").body(r#"{"refreshToken":"$secret"}"#),
    Sample::of("getMe"),
    Sample::of("editMe").body(r#"{"name":"$name"}"#),
    Sample::of("changePassword").body(r#"{"current":"$secret","new":"$secret"}"#).answers(403),
    Sample::of("tieIssuer").body(r#"{"token":"$secret","password":"$secret"}"#).answers(403),
    Sample::of("requestPasswordReset").body(r#"{"email":"$email"}"#),
    Sample::of("completePasswordReset").body(r#"{"token":"$secret","password":"$secret"}"#).answers(401),
    Sample::of("requestEmailVerification"),
    Sample::of("verifyEmail").body(r#"{"token":"$secret"}"#).answers(401),
    Sample::of("beginTotp").body(r#"{"password":"$secret"}"#).answers(403),
    Sample::of("confirmTotp").body(r#"{"code":"123456"}"#).answers(409),
    Sample::of("removeTotp").body(r#"{"password":"$secret"}"#).answers(403),
    Sample::of("showMailedAlert").path(&["contact"]).answers(404),
    Sample::of("acknowledgeByMail").path(&["contact"]).answers(404),
    Sample::of("showMailedLink").path(&["contact"]).answers(404),
    Sample::of("useMailedLink").path(&["contact"]).answers(404),
    Sample::of("showMailSubscription").path(&["contact"]).answers(404),
    Sample::of("changeMailSubscription").path(&["contact"]).answers(404),
    Sample::of("acceptInvitation").body(r#"{"token":"$secret"}"#).answers(401),
    // of organizations and their people
    Sample::of("listOrganizations"),
    Sample::of("getOrganization").path(&["organization"]),
    Sample::of("editOrganization").path(&["organization"]).body(r#"{"name":"$name"}"#),
    Sample::of("exportOrganization").path(&["organization"]),
    Sample::of("restoreOrganization").path(&["organization"]).answers(409),
    Sample::of("deleteOrganization").path(&["organization"]).not_done("all of it would be gone"),
    Sample::of("eraseOrganization")
        .path(&["organization"])
        .body(r#"{"name":"$name"}"#)
        .not_done("all of it would be gone"),
    Sample::of("listMembers"),
    Sample::of("getMember").path(&["member"]),
    Sample::of("editMember").path(&["member"]).body(r#"{"role":"viewer"}"#),
    Sample::of("createPasswordResetLink").path(&["member"]),
    Sample::of("createEmailVerificationLink").path(&["member"]),
    Sample::of("removeMember").path(&["spare_member"]),
    Sample::of("leaveOrganization").not_done("the caller would be nobody afterwards"),
    Sample::of("getBilling"),
    Sample::of("getBill").query(&[("month", "2026-11")]),
    Sample::of("openCheckout").body(r#"{"plan":"pro"}"#).answers(409),
    Sample::of("openBillingPortal").answers(409),
    Sample::of("changePlan").body(r#"{"plan":"pro"}"#).answers(409),
    Sample::of("listInvitations"),
    Sample::of("createInvitation").body(r#"{"email":"$email","role":"staff"}"#),
    Sample::of("createInvitation").body(r#"{"email":"$guest_email","role":"staff"}"#).answers(409),
    Sample::of("getInvitation").path(&["invitation"]),
    Sample::of("renewInvitation").path(&["invitation"]),
    Sample::of("revokeInvitation").path(&["spare_invitation"]),
    Sample::of("listInspectorLinks"),
    Sample::of("createInspectorLink")
        .body(r#"{"name":"$name","siteIds":["$site"],"expiresAt":"$hour"}"#),
    Sample::of("getInspectorLink").path(&["inspector_link"]),
    Sample::of("revokeInspectorLink").path(&["spare_inspector_link"]),
    Sample::of("listAuditEntries").query(&[("objectId", "$site")]),
    Sample::of("listAuditEntries").query(&[("actorId", "$owner")]),
    Sample::of("listAuditEntries"),
    // of operators
    Sample::of("listPlatformOrganizations").answers(404),
    Sample::of("createPlatformOrganization")
        .body(r#"{"name":"$name","ownerEmail":"$email"}"#)
        .answers(404),
    Sample::of("renewOwnerInvitation").path(&["organization"]).answers(404),
    Sample::of("listImpersonations").answers(404),
    Sample::of("beginImpersonation")
        .body(r#"{"organizationId":"$organization","role":"viewer","reason":"$text","minutes":5}"#)
        .answers(404),
    Sample::of("endImpersonation").path(&["organization"]).answers(404),
    Sample::of("getQueues").answers(404),
    Sample::of("listDeadLetters").answers(404),
    Sample::of("retryDeadLetter").path(&["organization"]).answers(404),
    // of senders
    Sample::of("ingestReadings")
        .body(r#"{"readings":[{"unitId":"$unit","temperature":4,"recordedAt":"$ago"}]}"#)
        .takes_more("a field that is not known costs its reading alone"),
    Sample::of("ingestReadings")
        .body(r#"{"readings":[{"deviceId":"$device","temperature":4,"recordedAt":"$ago"}]}"#),
    Sample::of("ingestReadings")
        .body(r#"{"readings":[{"devEui":"$device_eui","temperature":4,"recordedAt":"$ago"}]}"#),
    Sample::of("receiveTtnWebhook")
        .path(&["ttn_connection"])
        .header("X-Webhook-Secret", "$ttn_secret")
        .body(r#"{"end_device_ids":{"dev_eui":"$eui"},"uplink_message":{"session_key_id":"$eui","f_cnt":1,"frm_payload":"AQI="}}"#)
        .takes_more("the network says more than the hub reads"),
    Sample::of("receiveStripeWebhook")
        .header("Stripe-Signature", "t=1,v1=00")
        .body(r#"{"id":"evt_1","type":"invoice.paid"}"#)
        .answers(404)
        .takes_more("Stripe says more than the hub reads"),
    Sample::of("receiveTelnyxWebhook")
        .header("telnyx-signature-ed25519", "AA==")
        .body(r#"{"data":{"id":"evt_1","event_type":"message.received"}}"#)
        .answers(400)
        .takes_more("Telnyx says more than the hub reads"),
    Sample::of("receiveTelnyxReceipt")
        .path(&["contact"])
        .header("telnyx-signature-ed25519", "AA==")
        .body(r#"{"data":{"id":"evt_1","event_type":"message.sent"}}"#)
        .answers(400)
        .takes_more("Telnyx says more than the hub reads"),
    // of the tree
    Sample::of("listSites"),
    Sample::of("listSites").query(&[("deleted", "true")]),
    Sample::of("createSite").body(r#"{"name":"$name","timezone":"Europe/Berlin"}"#),
    Sample::of("getSite").path(&["site"]),
    Sample::of("editSite").path(&["site"]).body(r#"{"name":"$name"}"#),
    Sample::of("deleteSite").path(&["spare_site"]),
    Sample::of("restoreSite").path(&["gone_site"]),
    Sample::of("purgeSite").path(&["dead_site"]),
    Sample::of("listAreas"),
    Sample::of("listAreas").query(&[("siteId", "$site")]),
    Sample::of("createArea").body(r#"{"siteId":"$site","name":"$name"}"#),
    Sample::of("getArea").path(&["area"]),
    Sample::of("editArea").path(&["area"]).body(r#"{"name":"$name"}"#),
    Sample::of("deleteArea").path(&["spare_area"]),
    Sample::of("restoreArea").path(&["gone_area"]),
    Sample::of("purgeArea").path(&["dead_area"]),
    Sample::of("listUnits"),
    Sample::of("listUnits").query(&[("siteId", "$site")]),
    Sample::of("listUnits").query(&[("areaId", "$area")]),
    Sample::of("listUnits").query(&[("name", "$unit_name")]),
    Sample::of("createUnit").body(r#"{"siteId":"$site","areaId":"$area","name":"$name"}"#),
    Sample::of("getUnit").path(&["unit"]),
    Sample::of("editUnit").path(&["unit"]).body(r#"{"siteId":"$site","areaId":"$area","name":"$name"}"#),
    Sample::of("deleteUnit").path(&["spare_unit"]),
    Sample::of("restoreUnit").path(&["gone_unit"]),
    Sample::of("purgeUnit").path(&["dead_unit"]),
    Sample::of("listReadings").path(&["unit"]),
    Sample::of("listReadings").path(&["unit"]).query(&[("source", "$device")]),
    Sample::of("listReadings").path(&["unit"]).query(&[("resolution", "auto")]),
    Sample::of("exportUnitReadings").path(&["unit"]),
    Sample::of("exportSiteReadings").path(&["site"]),
    Sample::of("getUnitHistory").path(&["unit"]),
    Sample::of("listFrames").path(&["unit"]),
    // of devices
    Sample::of("listDevices"),
    Sample::of("listDevices").query(&[("unitId", "$unit")]),
    Sample::of("listDevices").query(&[("devEui", "$device_eui")]),
    Sample::of("createDevice").body(r#"{"name":"$name","devEui":"$eui","unitId":"$unit"}"#),
    Sample::of("createDevice").body(r#"{"name":"$name","devEui":"$typed_eui"}"#),
    Sample::of("getDevice").path(&["device"]),
    Sample::of("listAssignmentsOfDevice").path(&["device"]),
    Sample::of("listAssignmentsOfUnit").path(&["unit"]),
    Sample::of("editDevice").path(&["device"]).body(r#"{"name":"$name","unitId":"$unit"}"#),
    Sample::of("assignDevice").path(&["device"]).body(r#"{"unitId":"$unit_b"}"#),
    Sample::of("deleteDevice").path(&["spare_device"]),
    Sample::of("restoreDevice").path(&["gone_device"]),
    Sample::of("purgeDevice").path(&["dead_device"]),
    Sample::of("listUnclaimedDevices"),
    Sample::of("claimDevice").path(&["unclaimed_eui"]).body(r#"{"name":"$name","unitId":"$unit"}"#),
    Sample::of("claimDevice").path(&["device_eui"]).body(r#"{"name":"$name"}"#).answers(409),
    Sample::of("forgetUnclaimedDevice").path(&["spare_eui"]),
    Sample::of("listGateways"),
    Sample::of("listGateways").query(&[("siteId", "$site")]),
    Sample::of("createGateway").body(r#"{"name":"$name","siteId":"$site","gatewayEui":"$eui"}"#),
    Sample::of("getGateway").path(&["gateway"]),
    Sample::of("editGateway").path(&["gateway"]).body(r#"{"name":"$name","siteId":"$site"}"#),
    Sample::of("deleteGateway").path(&["spare_gateway"]),
    Sample::of("restoreGateway").path(&["gone_gateway"]),
    Sample::of("purgeGateway").path(&["dead_gateway"]),
    Sample::of("listCalibrations"),
    Sample::of("listCalibrations").query(&[("deviceId", "$device")]),
    Sample::of("createCalibration").body(
        r#"{"deviceId":"$device","performedAt":"$ago","performedBy":"$name","note":"$text"}"#,
    ),
    Sample::of("getCalibration").path(&["calibration"]),
    Sample::of("editCalibration").path(&["calibration"]).body(r#"{"note":"$text"}"#),
    Sample::of("deleteCalibration").path(&["spare_calibration"]),
    Sample::of("restoreCalibration").path(&["gone_calibration"]),
    Sample::of("purgeCalibration").path(&["dead_calibration"]),
    // of keys and connections
    Sample::of("listApiKeys"),
    Sample::of("createApiKey").body(r#"{"name":"$name","siteId":"$site"}"#),
    Sample::of("getApiKey").path(&["api_key"]),
    Sample::of("editApiKey").path(&["api_key"]).body(r#"{"name":"$name"}"#),
    Sample::of("rotateApiKey").path(&["api_key"]).body(r#"{"keepOldSecs":0}"#),
    Sample::of("revokeApiKey").path(&["spare_api_key"]),
    Sample::of("listTtnConnections"),
    Sample::of("createTtnConnection").body(r#"{"name":"$name"}"#),
    Sample::of("getTtnConnection").path(&["ttn_connection"]),
    Sample::of("editTtnConnection").path(&["ttn_connection"]).body(r#"{"name":"$name"}"#),
    Sample::of("rotateTtnSecret").path(&["ttn_connection"]).body(r#"{"keepOldSecs":0}"#),
    Sample::of("deleteTtnConnection").path(&["spare_ttn_connection"]),
    Sample::of("restoreTtnConnection").path(&["gone_ttn_connection"]),
    Sample::of("purgeTtnConnection").path(&["dead_ttn_connection"]),
    // of rules
    Sample::of("listPresets"),
    Sample::of("listRuleFields"),
    Sample::of("getEffectiveRule").path(&["unit"]),
    Sample::of("listAlertRules"),
    Sample::of("listAlertRules").query(&[("scope", "unit"), ("scopeId", "$unit")]),
    Sample::of("putAlertRule").body(
        r#"{"scope":"unit","scopeId":"$unit","temperatureUnit":"C","rule":{"highLimit":8}}"#,
    ),
    Sample::of("putAlertRule")
        .body(r#"{"scope":"site","scopeId":"$site","rule":{"highLimit":9}}"#),
    Sample::of("getAlertRule").path(&["alert_rule"]),
    Sample::of("listAlertRuleVersions").path(&["alert_rule"]),
    Sample::of("editAlertRule").path(&["alert_rule"]).body(r#"{"rule":{"highLimit":8.5}}"#),
    Sample::of("deleteAlertRule").path(&["spare_alert_rule"]),
    Sample::of("restoreAlertRule").path(&["gone_alert_rule"]),
    // of alerts and what people record
    Sample::of("listAlerts"),
    Sample::of("listAlerts").query(&[("unitId", "$unit")]),
    Sample::of("listAlerts").query(&[("siteId", "$site")]),
    Sample::of("exportAlerts"),
    Sample::of("exportAlerts").query(&[("unitId", "$unit")]),
    Sample::of("exportAlerts").query(&[("siteId", "$site")]),
    Sample::of("getAlert").path(&["alert"]),
    Sample::of("acknowledgeAlert").path(&["alert"]).body(r#"{"note":"$text"}"#),
    Sample::of("resolveAlert")
        .path(&["alert"])
        .body(r#"{"note":"$text","correctiveAction":"$text"}"#)
        .answers(409),
    Sample::of("snoozeAlert").path(&["alert"]).body(r#"{"until":"$hour","reason":"$text"}"#),
    Sample::of("unsnoozeAlert").path(&["alert"]),
    Sample::of("listManualLogs"),
    Sample::of("listManualLogs").query(&[("unitId", "$unit")]),
    Sample::of("listManualLogs").query(&[("siteId", "$site")]),
    Sample::of("exportManualLogs"),
    Sample::of("exportManualLogs").query(&[("unitId", "$unit")]),
    Sample::of("exportManualLogs").query(&[("siteId", "$site")]),
    Sample::of("createManualLog")
        .body(r#"{"unitId":"$unit","temperature":4,"recordedAt":"$ago","note":"$text"}"#),
    Sample::of("createManualLog")
        .body(r#"{"id":"$chosen_log","unitId":"$unit","temperature":4,"recordedAt":"$ago"}"#)
        .answers(409),
    Sample::of("getManualLog").path(&["manual_log"]),
    Sample::of("editManualLog").path(&["manual_log"]).body(r#"{"note":"$text"}"#),
    Sample::of("deleteManualLog").path(&["spare_manual_log"]),
    Sample::of("restoreManualLog").path(&["gone_manual_log"]),
    Sample::of("listCorrectiveActions"),
    Sample::of("listCorrectiveActions").query(&[("unitId", "$unit")]),
    Sample::of("listCorrectiveActions").query(&[("siteId", "$site")]),
    Sample::of("listCorrectiveActions").query(&[("alertId", "$alert")]),
    Sample::of("listCorrectiveActions").query(&[("manualLogId", "$manual_log")]),
    Sample::of("createCorrectiveAction")
        .body(r#"{"unitId":"$unit","manualLogId":"$manual_log","action":"$text"}"#),
    Sample::of("createCorrectiveAction")
        .body(r#"{"unitId":"$unit","alertId":"$alert","action":"$text"}"#),
    Sample::of("getCorrectiveAction").path(&["corrective_action"]),
    Sample::of("editCorrectiveAction").path(&["corrective_action"]).body(r#"{"action":"$text"}"#),
    Sample::of("deleteCorrectiveAction").path(&["spare_corrective_action"]),
    Sample::of("restoreCorrectiveAction").path(&["gone_corrective_action"]),
    Sample::of("purgeCorrectiveAction").path(&["dead_corrective_action"]),
    Sample::of("listDoorEvents").path(&["unit"]),
    Sample::of("reportDoor").path(&["unit"]).body(r#"{"open":true,"recordedAt":"$ago"}"#),
    Sample::of("listMaintenanceWindows"),
    Sample::of("listMaintenanceWindows").query(&[("unitId", "$unit")]),
    Sample::of("listMaintenanceWindows").query(&[("siteId", "$site")]),
    Sample::of("createMaintenanceWindow").body(
        r#"{"unitId":"$unit","kind":"maintenance","startsAt":"$soon","endsAt":"$later","reason":"$text"}"#,
    ),
    Sample::of("createMaintenanceWindow").body(
        r#"{"siteId":"$site","kind":"maintenance","startsAt":"$soon","endsAt":"$later","reason":"$text"}"#,
    ),
    Sample::of("getMaintenanceWindow").path(&["maintenance_window"]),
    Sample::of("editMaintenanceWindow").path(&["maintenance_window"]).body(r#"{"reason":"$text"}"#),
    Sample::of("endMaintenanceWindow").path(&["maintenance_window"]).answers(409),
    Sample::of("deleteMaintenanceWindow").path(&["spare_maintenance_window"]),
    // of whom to tell
    Sample::of("listContacts"),
    Sample::of("createContact").body(
        r#"{"name":"$name","email":"$email","phone":"$phone","userId":"$owner"}"#,
    ),
    Sample::of("getContact").path(&["contact"]),
    Sample::of("editContact").path(&["contact"]).body(r#"{"name":"$name","userId":"$owner"}"#),
    Sample::of("deleteContact").path(&["spare_contact"]),
    Sample::of("restoreContact").path(&["gone_contact"]),
    Sample::of("purgeContact").path(&["dead_contact"]),
    Sample::of("sendPhoneCode").path(&["contact"]),
    Sample::of("sendOwnTestMessage")
        .body(r#"{"channel":"email"}"#)
        .not_done("the hub sends its message while others are asked"),
    Sample::of("verifyPhone").path(&["contact"]).body(r#"{"code":"123456"}"#).answers(422),
    Sample::of("sendTestMessage").path(&["contact"]).body(r#"{"channel":"email"}"#),
    Sample::of("listNotifications"),
    Sample::of("listNotifications").query(&[("contactId", "$contact")]),
    Sample::of("listNotifications").query(&[("userId", "$owner")]),
    Sample::of("listNotifications").query(&[("alertId", "$alert")]),
    Sample::of("getNotificationBalance"),
    Sample::of("listAlertRecipients").path(&["alert"]),
    Sample::of("listNotificationPolicies"),
    Sample::of("listNotificationPolicies").query(&[("scope", "unit"), ("scopeId", "$unit")]),
    Sample::of("createNotificationPolicy").body(
        r#"{"name":"$name","scope":"unit","scopeId":"$unit","steps":[{"afterMinutes":0,"contactIds":["$contact"],"channels":["email"]}]}"#,
    ),
    Sample::of("createNotificationPolicy").body(
        r#"{"name":"$name","scope":"site","scopeId":"$site","steps":[{"afterMinutes":0,"contactIds":["$contact"],"channels":["email"]}]}"#,
    ),
    Sample::of("getNotificationPolicy").path(&["notification_policy"]),
    Sample::of("editNotificationPolicy").path(&["notification_policy"]).body(
        r#"{"name":"$name","steps":[{"afterMinutes":0,"contactIds":["$contact"],"channels":["email"]}]}"#,
    ),
    Sample::of("deleteNotificationPolicy").path(&["spare_notification_policy"]),
    Sample::of("restoreNotificationPolicy").path(&["gone_notification_policy"]),
    Sample::of("purgeNotificationPolicy").path(&["dead_notification_policy"]),
    Sample::of("getEffectivePolicy").path(&["unit"]),
    Sample::of("listDigests"),
    Sample::of("createDigest").body(
        r#"{"rhythm":"weekly","weekday":7,"at":"03:17","timezone":"UTC","siteIds":["$site"]}"#,
    ),
    Sample::of("createDigest").body(
        r#"{"contactId":"$contact","rhythm":"weekly","weekday":7,"at":"03:17","timezone":"UTC"}"#,
    ),
    Sample::of("getDigest").path(&["digest"]),
    Sample::of("editDigest").path(&["digest"]).body(r#"{"at":"03:18","siteIds":["$site"]}"#),
    Sample::of("deleteDigest").path(&["spare_digest"]),
    Sample::of("restoreDigest").path(&["gone_digest"]),
    Sample::of("purgeDigest").path(&["dead_digest"]),
];
