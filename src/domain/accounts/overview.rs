//! Accounts as those who look after them see them: lists by what is behind a person, and an overview of each.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::{
    User, UserSort, policy,
    queries::{joined, named, read, user_columns},
};
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{UserId, suspension, user_role::Role},
    error::Result,
    platform::{
        db::{Columns, placeholders},
        list::{Conditions, Span, page_of},
        page::{Page, Slice},
    },
};

/// What accounts have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
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
pub async fn accounts(
    app: &App,
    actor: &Actor,
    filter: &AccountFilter,
    sort: UserSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<User>> {
    actor.require(Permission::SeeAccounts)?;
    let mut conditions = Conditions::default();
    if !named(app, filter.text.as_deref(), &mut conditions)? {
        return Ok(Slice::nothing(page, with_total));
    }
    if let Some(beginning) = &filter.email {
        actor.require(Permission::SeeContacts)?;
        let key = policy::lookup_key(beginning);
        // What sorts between a text and the text with the last of all characters behind it, begins with it.
        let (from, to) = (conditions.value(key.as_str()), conditions.value(format!("{key}\u{10FFFF}")));
        conditions.that(format!(
            "(SELECT c.email_key >= {from} AND c.email_key < {to} FROM credentials c WHERE c.user_id = u.id)"
        ));
        conditions.among(format!(
            "SELECT c.user_id AS id FROM credentials c WHERE c.email_key >= {from} AND c.email_key < {to} \
             ORDER BY c.email_key"
        ));
    }
    filter_standing(app, filter, &mut conditions);
    joined(filter.during, sort, &mut conditions)?;
    let columns = user_columns("u");
    page_of(&app.db, sort.source(&columns), conditions, page, with_total, read).await
}

/// Role and suspension: few have one. They are looked up person by person (a subquery, which no planner turns round), or the
/// other way, by those who have them.
fn filter_standing(app: &App, filter: &AccountFilter, conditions: &mut Conditions) {
    match filter.roles.as_deref() {
        Some([]) => conditions.nothing(),
        Some(roles) => {
            let named: BTreeSet<&str> = roles.iter().flatten().map(|role| role.as_str()).collect();
            let named: Vec<String> = named.into_iter().map(|role| conditions.value(role)).collect();
            let one_of =
                if named.is_empty() { "1 = 0".to_owned() } else { format!("r.role IN ({})", named.join(", ")) };
            let has = format!("(SELECT {one_of} FROM user_roles r WHERE r.user_id = u.id)");
            if roles.contains(&None) {
                // True of nearly all, in a form in which PostgreSQL does not take it for the contrary.
                conditions.that(format!("COALESCE({has}, 1 = 1)"));
            } else {
                conditions.that(has);
                conditions.among(format!(
                    "SELECT r.user_id AS id FROM user_roles r WHERE {one_of} ORDER BY r.role, r.user_id"
                ));
            }
        }
        None => {}
    }
    if let Some(suspended) = filter.suspended {
        let now = conditions.value(app.clock.now());
        let in_force = format!("(s.until IS NULL OR s.until > {now})");
        let word = if suspended { "" } else { "NOT " };
        conditions
            .that(format!("{word}COALESCE((SELECT {in_force} FROM suspensions s WHERE s.user_id = u.id), 1 = 0)"));
        if suspended {
            conditions.among(format!("SELECT s.user_id AS id FROM suspensions s WHERE {in_force} ORDER BY s.user_id"));
        }
    }
}

/// What is behind a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountOverview {
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
pub async fn overviews(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, AccountOverview>> {
    let own = actor.user_id();
    let mut seen: Vec<_> = ids.to_vec();
    seen.retain(|id| own == Some(*id) || actor.may(Permission::SeeAccounts));
    if seen.is_empty() {
        return Ok(HashMap::new());
    }
    let mut values = vec![app.clock.now().into()];
    let list = placeholders(&mut values, &seen.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!(
        "SELECT u.id, r.role, c.email_confirmed_at IS NOT NULL, \
         EXISTS (SELECT 1 FROM two_factors t WHERE t.user_id = u.id AND t.enabled_at IS NOT NULL), \
         (SELECT MAX(n.created_at) FROM sessions n WHERE n.user_id = u.id), \
         (SELECT COUNT(*) FROM sessions n WHERE n.user_id = u.id AND n.ended_at IS NULL AND n.expires_at > $1), \
         s.user_id, s.reason, s.until, s.created_at \
         FROM users u LEFT JOIN credentials c ON c.user_id = u.id LEFT JOIN user_roles r ON r.user_id = u.id \
         LEFT JOIN suspensions s ON s.user_id = u.id AND (s.until IS NULL OR s.until > $1) WHERE u.id IN ({list})"
    );
    app.db.rows(sql, values).await?.iter().map(read_overview).collect()
}

fn read_overview(row: &sea_orm::QueryResult) -> Result<(UserId, AccountOverview)> {
    let mut columns = Columns::new(row);
    let id = columns.take()?;
    let mut overview = AccountOverview {
        role: columns.take()?,
        email_verified: columns.take()?,
        two_factor_enabled: columns.take()?,
        last_signed_in_at: columns.take()?,
        session_count: columns.take()?,
        suspension: None,
    };
    if let Some(user_id) = columns.take::<Option<UserId>>()? {
        overview.suspension = Some(suspension::Model {
            user_id,
            reason: columns.take()?,
            until: columns.take()?,
            created_at: columns.take()?,
        });
    }
    Ok((id, overview))
}
