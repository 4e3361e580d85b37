//! What takes a permission: root fields that need one, and what staff with one may do with what is somebody else's.

use agora::{
    domain::permissions::{self, Permission},
    entity::user_role::Role,
};
use serde_json::Value;

use super::{
    Outcome::{Allowed, Forbidden, Unauthenticated},
    a_token_that_is_refused_allows_no_more_than_none, matrix, outcome,
    scene::{Caller, Person, Scene, be_seen},
};
use crate::harness::Client;

const SUPPORT: &[Role] = &[Role::SupportAgent, Role::Moderator, Role::Administrator, Role::Owner];
const MODERATION: &[Role] = &[Role::Moderator, Role::Administrator, Role::Owner];
const ADMINISTRATION: &[Role] = &[Role::Administrator, Role::Owner];

/// Root fields that need a permission: operation, and the roles that have it. Everybody else is refused, the person whom
/// it is about included.
pub(crate) const STAFF: &[(&str, &str, &[Role])] = &[
    ("Query.adminUsers", "{ adminUsers { nodes { username account { sessionCount } } } }", SUPPORT),
    ("Query.adminAudit", "{ adminAudit { nodes { action } } }", ADMINISTRATION),
    ("Query.adminActivity", "{ adminActivity { nodes { kind } } }", ADMINISTRATION),
    ("Query.adminRefunds", "{ adminRefunds { nodes { state } } }", ADMINISTRATION),
    ("Query.adminMoneyOverview", "{ adminMoneyOverview { openDisputes } }", ADMINISTRATION),
    ("Query.adminLedgerAccounts", "{ adminLedgerAccounts { lines { kind } } }", ADMINISTRATION),
    ("Query.adminDisputes", "{ adminDisputes { nodes { state } } }", ADMINISTRATION),
    (
        "Mutation.adminPaymentConfirm",
        "mutation { adminPaymentConfirm(input: { id: \"$TRANSFER\", amount: { amount: \"0.01\", currency: \"USD\" }, reference: \"new\", idempotencyKey: \"$ID\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminPaymentCollect",
        "mutation { adminPaymentCollect(input: { id: \"$CASH\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminPaymentRemit",
        "mutation { adminPaymentRemit(input: { id: \"$COLLECTED\", reference: \"new\", idempotencyKey: \"$ID\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminPaymentCancel",
        "mutation { adminPaymentCancel(input: { id: \"$OPEN\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminRefundComplete",
        "mutation { adminRefundComplete(input: { id: \"$GRANTED\", reference: \"new\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminRefundFail",
        "mutation { adminRefundFail(input: { id: \"$GRANTED\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Query.adminPayments", "{ adminPayments { nodes { state } } }", ADMINISTRATION),
    (
        "Mutation.paymentRefund",
        "mutation { paymentRefund(input: { id: \"$PAYMENT\", amount: { amount: \"0.01\", currency: \"USD\" }, reason: \"no\", idempotencyKey: \"$ID\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminDisputeRecord",
        "mutation { adminDisputeRecord(input: { id: \"$DISPUTABLE\", state: OPEN, amount: { amount: \"1.00\", currency: \"USD\" }, reference: \"d\", reason: \"fraud\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminProviderSettlementRecord",
        "mutation { adminProviderSettlementRecord(input: { provider: PAYMOB, kind: FEE, amount: { amount: \"1.00\", currency: \"EGP\" }, reference: \"$ID\", idempotencyKey: \"$ID\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Query.adminWallet", "{ adminWallet(userId: \"$ID\") { balances { currency } } }", ADMINISTRATION),
    ("Query.adminWithdrawals", "{ adminWithdrawals { nodes { state bankDetails { holder } } } }", ADMINISTRATION),
    ("Query.adminWalletAdjustments", "{ adminWalletAdjustments { nodes { state } } }", ADMINISTRATION),
    (
        "Mutation.adminWithdrawalApprove",
        "mutation { adminWithdrawalApprove(input: { id: \"$WITHDRAWAL\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalRefuse",
        "mutation { adminWithdrawalRefuse(input: { id: \"$WITHDRAWAL\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalMarkPaid",
        "mutation { adminWithdrawalMarkPaid(input: { id: \"$APPROVED\", reference: \"1\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalMarkFailed",
        "mutation { adminWithdrawalMarkFailed(input: { id: \"$APPROVED\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalMarkReturned",
        "mutation { adminWithdrawalMarkReturned(input: { id: \"$SENT\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWalletAdjust",
        "mutation { adminWalletAdjust(input: { userId: \"$ID\", amount: { amount: \"1.00\", currency: \"USD\" }, direction: CREDIT, reason: \"why\", idempotencyKey: \"$ID\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWalletAdjustmentApprove",
        "mutation { adminWalletAdjustmentApprove(input: { id: \"$PROPOSED\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWalletAdjustmentRefuse",
        "mutation { adminWalletAdjustmentRefuse(input: { id: \"$PROPOSED\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminGoalWithdrawalReverse",
        "mutation { adminGoalWithdrawalReverse(input: { id: \"$PAID_OUT\", reason: \"no\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Query.adminJobs", "{ adminJobs { counts { dead } nodes { kind } } }", ADMINISTRATION),
    (
        "Mutation.adminUserSetRole",
        "mutation { adminUserSetRole(input: { id: \"$ID\", role: SELLER }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminUserSuspend",
        "mutation { adminUserSuspend(input: { id: \"$ID\", reason: \"spam\" }) { errors { code } } }",
        MODERATION,
    ),
    (
        "Mutation.adminUserReinstate",
        "mutation { adminUserReinstate(input: { id: \"$SUSPENDED\" }) { errors { code } } }",
        MODERATION,
    ),
    (
        "Mutation.adminUserSignOutEverywhere",
        "mutation { adminUserSignOutEverywhere(input: { id: \"$ID\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminUserResetTwoFactor",
        "mutation { adminUserResetTwoFactor(input: { id: \"$WITH_APP\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminJobRetry",
        "mutation { adminJobRetry(input: { id: \"$JOB\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
];

/// What staff with a permission may do though strangers may not.
const BY_PERMISSION: &[(&str, Permission)] = &[
    ("Query.payment", Permission::SeeMoney),
    ("Mutation.paymentConfirm", Permission::SeeMoney),
    ("Mutation.paymentRefundGrant", Permission::ManageMoney),
    ("Mutation.paymentRefundRefuse", Permission::ManageMoney),
    ("Mutation.goalCancel", Permission::ManageMoney),
];

fn may_though_strangers_may_not(field: &str, role: Role) -> bool {
    BY_PERMISSION.iter().any(|(name, permission)| *name == field && permissions::allows(Some(role), *permission))
}

/// Somebody of each of these roles, signed in.
async fn people_with(roles: &[Role], scene: &Scene) -> Vec<(Role, Client)> {
    let mut staff = Vec::new();
    for role in roles {
        let client = scene.server.staff(&format!("the_{}", role.as_str()), *role).await;
        be_seen(&client).await;
        staff.push((*role, client));
    }
    staff
}

#[tokio::test]
async fn no_role_may_more_with_what_is_somebody_else_s_than_a_stranger() {
    // Where a stranger is allowed, nobody can be allowed more; what is refused changes nothing, so one server will do.
    let mut scene = Scene::new().await;
    let mut refused = Vec::new();
    for (field, operation, [_, stranger, _]) in matrix() {
        if stranger != Allowed && !operation.is_empty() {
            refused.push((field, scene.operation(field, operation, Caller::Nobody).await, stranger));
        }
    }
    assert!(refused.len() >= 6);
    let everybody = people_with(Role::ALL, &scene).await;
    let before = scene.server.contents().await;
    for (role, staff) in everybody {
        for (field, operation, expected) in &refused {
            if !may_though_strangers_may_not(field, role) {
                let answer = staff.send(operation, Value::Null).await;
                assert_eq!(outcome(&answer.body), *expected, "{field} as {role:?}");
            }
        }
        let changes = scene.server.changes_since(&before).await;
        assert!(changes.is_empty(), "{role:?}: {changes:#?}");
    }
}

#[tokio::test]
async fn what_needs_a_permission_is_refused_to_all_who_do_not_have_it() {
    let mut scene = Scene::new().await;
    let mut calls = Vec::new();
    for (field, operation, allowed) in STAFF {
        calls.push((*field, scene.operation(field, operation, Caller::Nobody).await, *allowed));
    }
    let everybody = people_with(Role::ALL, &scene).await;
    let before = scene.server.contents().await;
    for (field, operation, allowed) in calls {
        let others = [
            (scene.client(Caller::Nobody), Unauthenticated),
            (scene.client(Caller::Stranger), Forbidden),
            (scene.client(Caller::Owner), Forbidden),
        ];
        let powerless = everybody.iter().filter(|(role, _)| !allowed.contains(role));
        for (client, expected) in others.into_iter().chain(powerless.map(|(_, client)| (client.clone(), Forbidden))) {
            let answer = client.send(&operation, Value::Null).await;
            assert_eq!(outcome(&answer.body), expected, "{field} as {}", client.username);
        }
        let changes = scene.server.changes_since(&before).await;
        assert!(changes.is_empty(), "{field}: {changes:#?}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_allows_no_more_than_none_and_is_told_where_it_matters() {
    let cases = STAFF.iter().map(|(field, operation, ..)| (*field, *operation, Unauthenticated));
    Box::pin(a_token_that_is_refused_allows_no_more_than_none(cases)).await;
}

#[tokio::test]
async fn what_needs_a_permission_is_done_for_administrators() {
    Box::pin(what_needs_a_permission_is_done_for(&[Role::Administrator])).await;
}

#[tokio::test]
async fn what_needs_a_permission_is_done_for_all_others_who_have_it() {
    let others: Vec<Role> = Role::ALL.iter().copied().filter(|role| *role != Role::Administrator).collect();
    Box::pin(what_needs_a_permission_is_done_for(&others)).await;
}

async fn what_needs_a_permission_is_done_for(roles: &[Role]) {
    let scene = Scene::new().await;
    let server = &scene.server;
    let mut calls: Vec<(&str, &str, Vec<Role>)> =
        STAFF.iter().map(|(field, operation, roles)| (*field, *operation, roles.to_vec())).collect();
    for (field, operation, _) in matrix() {
        let roles = Role::ALL.iter().copied().filter(|role| may_though_strangers_may_not(field, *role));
        calls.push((field, operation, roles.collect()));
    }
    let staff = people_with(roles, &scene).await;
    for (number, (field, operation, allowed)) in calls.into_iter().enumerate() {
        for (role, client) in staff.iter().filter(|(role, _)| allowed.contains(role)) {
            let target = server.user(&format!("target_{number}_{}", &role.as_str()[..3])).await;
            let mut target = Person::new(&target, &scene.stranger.client);
            let operation = target.operation(server, field, operation).await;
            let before = server.rows().await;
            let answer = client.send(&operation, Value::Null).await;
            assert_eq!(outcome(&answer.body), Allowed, "{field} as {role:?}: {}", answer.body);
            // What staff changes is written down, at least.
            assert_eq!(server.rows().await != before, field.starts_with("Mutation."), "{field} as {role:?}");
        }
    }
}
