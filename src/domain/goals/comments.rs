//! The talk about what was given.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};

use super::{MAX_COMMENT, contributions::contributions_by_id, not_found, notices::ContributionCommented};
use crate::{
    app::App,
    domain::{
        Once,
        actor::Actor,
        idempotency::{Claim, Fingerprint, claim_in},
        notifications::{Deleted, Edited, notify_in},
        permissions::Permission,
    },
    entity::{ContributionCommentId, ContributionId, UserId, contribution_comment::Model},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// A comment on what somebody gave, with whose goal it was given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionComment {
    /// The row of `contribution_comments`; without its author once it is deleted.
    pub comment: Model,
    /// Whose goal it is.
    pub owner_id: Option<UserId>,
    /// Its author gave what it is about, and is anonymous there.
    is_anonymous: bool,
    /// To the goal's owner, too.
    is_hidden_from_owner: bool,
}

impl ContributionComment {
    /// Who wrote it, where the actor may know: who gave and is anonymous there is not shown by a comment either.
    #[must_use]
    pub fn author_for(&self, actor: &Actor) -> Option<UserId> {
        let viewer = actor.user_id();
        let is_owner = self.owner_id.is_some() && self.owner_id == viewer;
        let shown = !self.is_anonymous
            || self.comment.author_id == viewer
            || actor.may(Permission::SeeMoney)
            || (is_owner && !self.is_hidden_from_owner);
        self.comment.author_id.filter(|_| shown)
    }

    /// Whether this person may change it: its author.
    #[must_use]
    pub fn can_change(&self, viewer: Option<UserId>) -> bool {
        viewer.is_some() && self.comment.author_id == viewer && self.comment.deleted_at.is_none()
    }

    /// Whether this person may delete it: its author, and whose goal it is.
    #[must_use]
    pub fn can_delete(&self, viewer: Option<UserId>) -> bool {
        let owner = viewer.is_some() && self.owner_id == viewer && self.comment.deleted_at.is_none();
        self.can_change(viewer) || owner
    }
}

const COLUMNS: &str = "k.id, k.contribution_id, k.author_id, k.body, k.created_at, k.edited_at, k.deleted_at, g.owner_id, \
     k.author_id = c.contributor_id AND c.is_anonymous, c.is_hidden_from_owner";
const JOINS: &str = "JOIN goal_contributions c ON c.id = k.contribution_id JOIN goals g ON g.id = c.goal_id";

fn read(row: &QueryResult) -> Result<ContributionComment> {
    let mut columns = Columns::new(row);
    let mut comment = Model {
        id: columns.take()?,
        contribution_id: columns.take()?,
        author_id: columns.take()?,
        body: columns.take()?,
        created_at: columns.take()?,
        edited_at: columns.take()?,
        deleted_at: columns.take()?,
    };
    let owner_id = columns.take()?;
    // Nothing where either account was erased: then there is nobody to show.
    let is_anonymous = columns.take::<Option<bool>>()?.unwrap_or(false);
    let is_hidden_from_owner = columns.take()?;
    if comment.deleted_at.is_some() {
        comment.author_id = None;
    }
    Ok(ContributionComment { comment, owner_id, is_anonymous, is_hidden_from_owner })
}

/// Comments on a contribution that the actor sees. Codes: NOT_FOUND, BLANK, TOO_LONG, INVALID_CHARACTERS,
/// IDEMPOTENCY_KEY_REUSED.
pub async fn comment_create(
    app: &App,
    actor: &Actor,
    contribution: ContributionId,
    body: &str,
    key: Option<&str>,
) -> Result<Once<ContributionComment>> {
    let author = actor.require_user()?.id;
    let body = text::required("body", text::block("body", body, MAX_COMMENT)?)?;
    let missing = || Error::from(UserError::input("contributionId", UserErrorCode::NotFound));
    if contributions_by_id(app, actor, &[contribution]).await?.is_empty() {
        return Err(missing());
    }
    let now = app.clock.now();
    let id = ContributionCommentId(app.ids.next(now));
    let input = input(contribution, &body);
    let comment = Model {
        id,
        contribution_id: contribution,
        author_id: Some(author),
        body,
        created_at: now,
        edited_at: None,
        deleted_at: None,
    };
    let once = app
        .db
        .transact(async |tx| {
            let operation = "contributionCommentCreate";
            if let Claim::Replay(id) = claim_in(app, &tx, author, operation, key, &input, id.0).await? {
                return Ok(Once { value: ContributionCommentId(id), replayed: true });
            }
            if !say_in(app, &tx, &comment).await? {
                return Err(missing());
            }
            Ok(Once { value: id, replayed: false })
        })
        .await?;
    Ok(Once { value: get(app, once.value).await?, replayed: once.replayed })
}

fn input(contribution: ContributionId, body: &str) -> Fingerprint {
    let input = Fingerprint::v1().field("contributionId", contribution).field("body", body);
    input.before_versions(format!("{contribution} {body}"))
}

/// Writes a comment; false when the goal does not have any more what it is about.
pub async fn say_in(app: &App, tx: &Transaction, comment: &Model) -> Result<bool> {
    let about = comment.contribution_id;
    let sql = "UPDATE goal_contributions SET comment_count = comment_count + 1 WHERE id = $1 AND state = 'received'";
    if tx.execute(sql, vec![about.0.into()]).await? == 0 {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO contribution_comments (id, contribution_id, author_id, body, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
        vec![
            comment.id.0.into(),
            about.0.into(),
            comment.author_id.map(|author| author.0).into(),
            comment.body.as_str().into(),
            comment.created_at.into(),
        ],
    )
    .await?;
    notify_in(app, tx, &ContributionCommented { comment: comment.id.0 }).await?;
    Ok(true)
}

/// Changes one's own comment; without a text it stays as it is. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG,
/// INVALID_CHARACTERS.
pub async fn comment_update(
    app: &App,
    actor: &Actor,
    id: ContributionCommentId,
    body: Option<String>,
) -> Result<ContributionComment> {
    let user = actor.require_user()?.id;
    let body = body
        .map(|body| text::block("body", &body, MAX_COMMENT).and_then(|body| text::required("body", body)))
        .transpose()?;
    visible(app, actor, id).await?;
    app.db
        .transact(async |tx| {
            let found = lock_in(&tx, id).await?;
            if !found.can_change(Some(user)) {
                return Err(super::at_id(UserErrorCode::NotAllowed).into());
            }
            let Some(body) = body.as_ref().filter(|body| **body != found.comment.body) else { return Ok(()) };
            let sql = "UPDATE contribution_comments SET body = $2, edited_at = $3 WHERE id = $1";
            tx.execute(sql, vec![id.0.into(), body.as_str().into(), app.clock.now().into()]).await?;
            notify_in(app, &tx, &Edited { subject: id.0 }).await
        })
        .await?;
    get(app, id).await
}

/// Deletes one's own comment, or one about what was given to one's own goal. Codes: NOT_FOUND, NOT_ALLOWED.
pub async fn comment_delete(app: &App, actor: &Actor, id: ContributionCommentId) -> Result<ContributionComment> {
    let user = actor.require_user()?.id;
    visible(app, actor, id).await?;
    app.db
        .transact(async |tx| {
            let found = lock_in(&tx, id).await?;
            if !found.can_delete(Some(user)) {
                return Err(super::at_id(UserErrorCode::NotAllowed).into());
            }
            let sql = "UPDATE contribution_comments SET body = '', deleted_at = $2 WHERE id = $1";
            tx.execute(sql, vec![id.0.into(), app.clock.now().into()]).await?;
            let sql = "UPDATE goal_contributions SET comment_count = comment_count - 1 WHERE id = $1";
            tx.execute(sql, vec![found.comment.contribution_id.0.into()]).await?;
            notify_in(app, &tx, &Deleted { subject: id.0 }).await
        })
        .await?;
    get(app, id).await
}

/// Refuses what the actor does not see. Code: NOT_FOUND.
async fn visible(app: &App, actor: &Actor, id: ContributionCommentId) -> Result<()> {
    let found = comments_by_id(app, actor, &[id]).await?;
    if found.is_empty() { Err(not_found("id")) } else { Ok(()) }
}

/// Locks a comment that is not deleted, after what it is about, as whoever writes one does. Code: NOT_FOUND.
async fn lock_in(tx: &Transaction, id: ContributionCommentId) -> Result<ContributionComment> {
    let sql = format!(
        "SELECT 1 FROM goal_contributions c WHERE c.id = (SELECT k.contribution_id FROM contribution_comments k \
         WHERE k.id = $1) {}",
        tx.for_update()
    );
    tx.row(sql, vec![id.0.into()]).await?.ok_or_else(|| not_found("id"))?;
    let row = tx
        .row(format!("SELECT {COLUMNS} FROM contribution_comments k {JOINS} WHERE k.id = $1"), vec![id.0.into()])
        .await?;
    let found = row.as_ref().map(read).transpose()?.filter(|found| found.comment.deleted_at.is_none());
    found.ok_or_else(|| not_found("id"))
}

async fn get(app: &App, id: ContributionCommentId) -> Result<ContributionComment> {
    let rows = app
        .db
        .rows(format!("SELECT {COLUMNS} FROM contribution_comments k {JOINS} WHERE k.id = $1"), vec![id.0.into()])
        .await?;
    read(rows.first().ok_or_else(|| not_found("id"))?)
}

/// Comments by id that are not deleted, on contributions that the actor sees.
pub async fn comments_by_id(
    app: &App,
    actor: &Actor,
    ids: &[ContributionCommentId],
) -> Result<HashMap<ContributionCommentId, ContributionComment>> {
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!(
        "SELECT {COLUMNS} FROM contribution_comments k {JOINS} WHERE k.id IN ({list}) AND k.deleted_at IS NULL"
    );
    let found = app.db.rows(sql, values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    let about: Vec<_> = found.iter().map(|found| found.comment.contribution_id).collect();
    let seen = contributions_by_id(app, actor, &about).await?;
    let found = found.into_iter().filter(|found| seen.contains_key(&found.comment.contribution_id));
    Ok(found.map(|found| (found.comment.id, found)).collect())
}

/// What cursors in the list are tied to.
pub const COMMENTS_SORT: &str = "contribution_comments.oldest";

/// A comment's place in the list.
#[must_use]
pub fn comment_cursor(found: &ContributionComment) -> Cursor {
    Cursor { sort: COMMENTS_SORT, key: Key::Time(found.comment.created_at), id: found.comment.id.0 }
}

/// Comments on a contribution, which the actor sees, in time order.
pub async fn comments(
    app: &App,
    _actor: &Actor,
    contribution: ContributionId,
    page: &Page,
    with_total: bool,
) -> Result<Slice<ContributionComment>> {
    let mut conditions = Conditions::default();
    conditions.equal("k.contribution_id", Some(contribution.0));
    conditions.that("k.deleted_at IS NULL");
    let source = Source {
        columns: COLUMNS,
        table: "contribution_comments k",
        joins: JOINS,
        key: "k.created_at",
        id: "k.id",
        descending: false,
    };
    page_of(&app.db, source, conditions, page, with_total, read).await
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let id = ContributionId(Uuid::nil());
        let fields = format!("contributionId {} {id}\nbody 6 thanks\n", id.to_string().len());
        assert_eq!(input(id, "thanks").texts(), (fields.as_str(), format!("{id} thanks").as_str()));
    }
}
