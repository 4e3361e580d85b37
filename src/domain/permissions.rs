//! What each role may do. Roles are only names for sets of permissions: rules ask for a permission, never for a role.

use crate::entity::user_role::Role;

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Offer goods for sale.
    Sell,
    /// Answer those who ask for help.
    AnswerSupport,
    /// See e-mail addresses, telephone numbers and profiles of others.
    SeeContacts,
    /// List and search accounts, with what is behind them.
    SeeAccounts,
    /// Suspend and reinstate people.
    SuspendUsers,
    /// End the sessions of others, and take away a second factor that was lost.
    ResetAccess,
    /// Give and take roles, as far as one's own permissions reach.
    GrantRoles,
    /// Read everybody's activity and the audit log.
    SeeAudit,
    /// Look at the queue of background jobs, and queue dead ones again.
    ManageJobs,
    /// See everybody's wallets, payments and withdrawals.
    SeeMoney,
    /// Grant refunds, confirm what banks and couriers did, pay withdrawals out, correct wallets.
    ManageMoney,
    /// Answer for the service: make owners.
    Own,
}

use Permission::{
    AnswerSupport, GrantRoles, ManageJobs, ManageMoney, Own, ResetAccess, SeeAccounts, SeeAudit, SeeContacts, SeeMoney,
    Sell, SuspendUsers,
};

/// Every permission; the last one is the owners' alone.
const ALL: &[Permission; 12] = &[
    Sell,
    AnswerSupport,
    SeeContacts,
    SeeAccounts,
    SuspendUsers,
    ResetAccess,
    GrantRoles,
    SeeAudit,
    ManageJobs,
    SeeMoney,
    ManageMoney,
    Own,
];

impl Role {
    /// Every role, least first.
    pub const ALL: &'static [Self] =
        &[Self::Seller, Self::SupportAgent, Self::Moderator, Self::Administrator, Self::Owner];

    /// What it allows.
    #[must_use]
    pub(crate) fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Seller => &[Sell],
            Self::SupportAgent => &[AnswerSupport, SeeAccounts, SeeContacts],
            Self::Moderator => &[SeeAccounts, SuspendUsers],
            Self::Administrator => {
                let [all_but_own @ .., _] = ALL;
                all_but_own
            }
            Self::Owner => ALL,
        }
    }
}

/// Whether a role allows something; without a role nothing is allowed here.
#[must_use]
pub fn allows(role: Option<Role>, permission: Permission) -> bool {
    role.is_some_and(|role| role.permissions().contains(&permission))
}

/// Whether whoever has the one role has everything that the other allows.
#[must_use]
pub(crate) fn covers(own: Option<Role>, other: Option<Role>) -> bool {
    other.is_none_or(|other| other.permissions().iter().all(|permission| allows(own, *permission)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_below_covers_an_owner_and_owners_cover_all() {
        for role in Role::ALL {
            assert!(covers(Some(Role::Owner), Some(*role)));
            assert!(covers(Some(*role), None) && covers(Some(*role), Some(*role)));
            if *role != Role::Owner {
                assert!(!covers(Some(*role), Some(Role::Owner)), "{role:?}");
            }
        }
        assert!(!covers(Some(Role::Moderator), Some(Role::SupportAgent)));
        assert!(!covers(None, Some(Role::Seller)));
    }

    #[test]
    fn administrators_may_do_all_but_answer_for_the_service() {
        for permission in ALL {
            assert!(allows(Some(Role::Owner), *permission));
            assert_eq!(allows(Some(Role::Administrator), *permission), *permission != Own, "{permission:?}");
        }
    }
}
