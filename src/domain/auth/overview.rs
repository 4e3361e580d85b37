//! Accounts as those who look after them see them: lists by what is behind a person, and an overview of each.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, IntoSimpleExpr, JoinType, QueryFilter, QuerySelect,
    QueryTrait, RelationTrait,
    sea_query::{Expr, Order, Query, SelectStatement},
};

use super::{second_factors, sessions};
use crate::{
    app::App,
    domain::{
        accounts::{User, UserRow, UserSort, joined, named, policy},
        actor::Actor,
        permissions::Permission,
    },
    entity::{
        UserId, credential, session, suspension, user,
        user_role::{self, Role},
    },
    error::Result,
    platform::{
        db::any_id,
        list::{List, Span},
        page::{Page, Slice},
    },
};

/// What accounts have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccountFilter {
    /// Words of their names, each from its beginning.
    pub text: Option<String>,
    /// The beginning of the e-mail address.
    pub email: Option<String>,
    /// One of these roles; `None` for those without one.
    pub roles: Option<Vec<Option<Role>>>,
    /// Whether they are suspended at present.
    pub suspended: Option<bool>,
    /// When they joined.
    pub during: Span,
}

/// Accounts, a page at a time. By e-mail address only for those who may see addresses; FORBIDDEN otherwise.
pub(crate) async fn accounts(
    app: &App,
    actor: &Actor,
    filter: &AccountFilter,
    sort: UserSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<User>> {
    actor.require(Permission::SeeAccounts)?;
    let mut list = sort.list();
    if !named(app, filter.text.as_deref(), &mut list)? {
        return Ok(Slice::nothing(page, with_total));
    }
    if let Some(beginning) = &filter.email {
        actor.require(Permission::SeeContacts)?;
        let key = policy::lookup_key(beginning);
        // What sorts between a text and the text with the last of all characters behind it, begins with it.
        let end = format!("{key}\u{10FFFF}");
        let begins = credential::Column::EmailKey.gte(key).and(credential::Column::EmailKey.lt(end));
        list.filter(of_each::<credential::Entity>(credential::Column::UserId, begins.clone()));
        let order = [credential::Column::EmailKey];
        list.among(people::<credential::Entity>(credential::Column::UserId, begins, &order));
    }
    filter_standing(app, filter, &mut list);
    joined(app, filter.during, sort, &mut list)?;
    let users: Slice<UserRow> = list.page(&app.db, page, with_total, |select| select).await?;
    Ok(users.map(Arc::new))
}

/// What is asked of the row of another table that is a person's: looked up person by person, as a subquery, which no planner
/// turns round. Null for who has none.
fn of_each<E: EntityTrait>(owner: E::Column, answer: Expr) -> SelectStatement {
    Query::select()
        .expr(answer)
        .from(E::default().table_ref())
        .and_where(owner.into_simple_expr().equals((user::Entity, user::Column::Id)))
        .take()
}

/// The other way: the people who have such a row, in an order that an index has.
fn people<E: EntityTrait>(owner: E::Column, condition: Expr, order: &[E::Column]) -> SelectStatement {
    let mut people = Query::select();
    people.expr_as(owner.into_simple_expr(), "id").from(E::default().table_ref()).and_where(condition);
    for column in order {
        people.order_by_expr(column.into_simple_expr(), Order::Asc);
    }
    people
}

/// Role and suspension: few have one.
fn filter_standing(app: &App, filter: &AccountFilter, list: &mut List<user::Entity>) {
    match filter.roles.as_deref() {
        Some([]) => list.nothing(),
        Some(roles) => {
            let named: BTreeSet<&str> = roles.iter().flatten().map(|role| role.as_str()).collect();
            let one_of = user_role::Column::Role.is_in(named);
            let has = Expr::from(of_each::<user_role::Entity>(user_role::Column::UserId, one_of.clone()));
            if roles.contains(&None) {
                // True of nearly all, in a form in which PostgreSQL does not take it for the contrary.
                list.filter(has.if_null(Expr::cust("1 = 1")));
            } else {
                list.filter(has);
                let order = [user_role::Column::Role, user_role::Column::UserId];
                list.among(people::<user_role::Entity>(user_role::Column::UserId, one_of, &order));
            }
        }
        None => {}
    }
    if let Some(suspended) = filter.suspended {
        let in_force = suspension::Column::Until.is_null().or(suspension::Column::Until.gt(app.clock.now()));
        let is = of_each::<suspension::Entity>(suspension::Column::UserId, in_force.clone());
        let is = Expr::from(is).if_null(Expr::cust("1 = 0"));
        list.filter(if suspended { is } else { is.not() });
        if suspended {
            let order = [suspension::Column::UserId];
            list.among(people::<suspension::Entity>(suspension::Column::UserId, in_force, &order));
        }
    }
}

/// What is behind a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountOverview {
    /// What they may do beyond their own affairs.
    pub role: Option<Role>,
    /// Whether the e-mail address was proven theirs.
    pub email_verified: bool,
    /// Whether signing in takes a second factor.
    pub two_factor_enabled: bool,
    /// Why they may not sign in at present.
    pub suspension: Option<suspension::Model>,
    /// When the newest session that is still known was begun.
    pub last_signed_in_at: Option<DateTime<Utc>>,
    /// How many sessions go on.
    pub session_count: i64,
}

/// What is behind people: behind everybody for those who may see it, for others behind themselves only.
pub(crate) async fn overviews(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, AccountOverview>> {
    let own = actor.user_id();
    let mut seen: Vec<_> = ids.to_vec();
    seen.retain(|id| own == Some(*id) || actor.may(Permission::SeeAccounts));
    if seen.is_empty() {
        return Ok(HashMap::new());
    }
    let now = app.clock.now();
    let last = of_each::<session::Entity>(session::Column::UserId, session::Column::CreatedAt.max());
    let mut live = of_each::<session::Entity>(session::Column::UserId, session::Column::Id.count());
    live.and_where(sessions::is_live(now));
    let people = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .column(user_role::Column::Role)
        .expr_as(credential::Column::EmailConfirmedAt.is_not_null(), "email_verified")
        .expr_as(second_factors::is_on(user::Column::Id), "two_factor_enabled")
        .expr_as(Expr::from(last), "last_signed_in_at")
        .expr_as(Expr::from(live), "session_count")
        .column_as(suspension::Column::Reason, "suspension_reason")
        .column_as(suspension::Column::Until, "suspended_until")
        .column_as(suspension::Column::CreatedAt, "suspended_at")
        .join(JoinType::LeftJoin, user::Relation::Credential.def())
        .join(JoinType::LeftJoin, user::Relation::Role.def())
        .join(JoinType::LeftJoin, user::Relation::Suspension.def())
        .filter(any_id(user::Column::Id, &seen));
    let rows: Vec<OverviewRow> = app.db.select(&people.into_query()).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.overview(now))).collect())
}

/// What is behind a person, as it is read.
#[derive(Debug, FromQueryResult)]
struct OverviewRow {
    id: UserId,
    role: Option<Role>,
    email_verified: bool,
    two_factor_enabled: bool,
    last_signed_in_at: Option<DateTime<Utc>>,
    session_count: i64,
    suspension_reason: Option<String>,
    suspended_until: Option<DateTime<Utc>>,
    suspended_at: Option<DateTime<Utc>>,
}

impl OverviewRow {
    fn overview(self, now: DateTime<Utc>) -> AccountOverview {
        let suspension = self.suspension_reason.zip(self.suspended_at).map(|(reason, created_at)| suspension::Model {
            user_id: self.id,
            reason,
            until: self.suspended_until,
            created_at,
        });
        AccountOverview {
            role: self.role,
            email_verified: self.email_verified,
            two_factor_enabled: self.two_factor_enabled,
            // One that is over counts for nothing.
            suspension: suspension.filter(|found| found.until.is_none_or(|until| until > now)),
            last_signed_in_at: self.last_signed_in_at,
            session_count: self.session_count,
        }
    }
}
