//! Reading posts, comments and likes. A page and everything that was asked for with it is one statement, and one more
//! for the first comments of each post, whatever the size of the page.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::{
    CommentParts, CommentView, MAX_TAGS, PostParts, PostRow, PostView,
    rows::{read_comment, read_post, select_comments, select_posts},
};
use crate::{
    app::App,
    domain::{
        accounts::{User, read_user, user_columns},
        actor::Actor,
    },
    entity::{CommentId, PostId, UserId},
    error::{Error, Result},
    platform::{
        db::{Columns, placeholders},
        list::{Conditions, Source, Span, rows_of, total_of},
        page::{Beginning, Cursor, Key, Page, Slice},
        text,
    },
};

/// What posts have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostFilter {
    /// Written by one of these people.
    pub authors: Option<Vec<UserId>>,
    /// With all of these words, each from its beginning.
    pub text: Option<String>,
    /// With one of these tags, at most [`MAX_TAGS`].
    pub tags: Option<Vec<String>>,
    /// When they were published.
    pub during: Span,
}

/// In which order; ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostSort {
    /// Published last, first.
    Newest,
    /// Most likes first.
    MostLiked,
    /// Most comments first.
    MostDiscussed,
}

impl PostSort {
    /// What cursors of this order are tied to.
    #[must_use]
    pub fn cursor_name(self) -> &'static str {
        match self {
            Self::Newest => "posts.newest",
            Self::MostLiked => "posts.liked",
            Self::MostDiscussed => "posts.discussed",
        }
    }

    /// A post's place in this order.
    #[must_use]
    pub fn cursor(self, post: &PostRow) -> Cursor {
        let key = match self {
            Self::Newest => Key::Time(post.created_at),
            Self::MostLiked => Key::Integer(post.like_count),
            Self::MostDiscussed => Key::Integer(post.comment_count),
        };
        Cursor { sort: self.cursor_name(), key, id: post.id.0 }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Newest => "p.created_at",
            Self::MostLiked => "p.like_count",
            Self::MostDiscussed => "p.comment_count",
        }
    }
}

/// What everybody may see in a list: posts that are not deleted. The start of every list's conditions.
fn visible_to(_actor: &Actor) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.that("p.deleted_at IS NULL");
    conditions
}

/// Posts, a page at a time.
///
/// In the order of time, an index holds the posts of everybody, of each author and of each tag. In another order, and where a
/// text is searched for, the newest that a filter names are chosen first: see [`Conditions::among`].
pub async fn posts(
    app: &App,
    actor: &Actor,
    filter: &PostFilter,
    sort: PostSort,
    page: &Page,
    parts: &PostParts,
    with_total: bool,
) -> Result<Slice<PostView>> {
    if let Some(slice) = by_tag(app, actor, filter, sort, page, parts, with_total).await? {
        return Ok(slice);
    }
    let mut conditions = visible_to(actor);
    let source = Source { columns: "", table: "posts p", joins: "", key: sort.column(), id: "p.id", descending: true };
    if !filter_posts(app, filter, sort, source, &mut conditions)? {
        return Ok(Slice::nothing(page, with_total));
    }
    list(app, actor, source, conditions, page, parts, with_total).await
}

/// The posts with a tag, newest first: their places stand beside the tag.
async fn by_tag(
    app: &App,
    actor: &Actor,
    filter: &PostFilter,
    sort: PostSort,
    page: &Page,
    parts: &PostParts,
    with_total: bool,
) -> Result<Option<Slice<PostView>>> {
    let (Some([tag]), PostSort::Newest, None, None) = (filter.tags.as_deref(), sort, &filter.authors, &filter.text)
    else {
        return Ok(None);
    };
    // A post that is deleted has no tags.
    let mut conditions = Conditions::default();
    conditions.equal("t.tag", Some(text::tag_key(tag)));
    conditions.during("t.created_at", filter.during)?;
    let source = Source {
        columns: "",
        table: "post_tags t",
        joins: "JOIN posts p ON p.id = t.post_id",
        key: "t.created_at",
        id: "t.post_id",
        descending: true,
    };
    list(app, actor, source, conditions, page, parts, with_total).await.map(Some)
}

/// A list with the parts that are wanted.
async fn list(
    app: &App,
    actor: &Actor,
    source: Source<'_>,
    mut conditions: Conditions,
    page: &Page,
    parts: &PostParts,
    with_total: bool,
) -> Result<Slice<PostView>> {
    let total = if with_total { Some(total_of(&app.db, source, &conditions).await?) } else { None };
    let viewer = viewer(actor, parts.viewer_likes).map(|viewer| conditions.value(viewer));
    let (columns, joins) = select_posts(parts, viewer.as_deref());
    let joins = format!("{}{joins}", source.joins);
    let source = Source { columns: &columns, joins: &joins, ..source };
    let read = |row: &QueryResult| read_post(row, parts, viewer.is_some());
    let mut slice = rows_of(&app.db, source, conditions, page, read).await?;
    if let Some((beginning, parts)) = &parts.comments {
        attach_comments(app, actor, &mut slice.items, *beginning, parts).await?;
    }
    Ok(Slice { total, ..slice })
}

/// Adds the filter's conditions; false when nothing can match.
fn filter_posts(
    app: &App,
    filter: &PostFilter,
    sort: PostSort,
    source: Source<'_>,
    conditions: &mut Conditions,
) -> Result<bool> {
    let words = filter.text.as_deref().map(text::search_words).transpose()?;
    let is_chosen = sort != PostSort::Newest || words.is_some();
    let authors = conditions.any_of("p.author_id", filter.authors.as_deref(), |author| author.0)?;
    if is_chosen {
        // Somebody's own posts are few, so a text is looked for among them, not they among all that have it.
        conditions.among_newest(&app.db, source, "p.created_at", &authors);
    }
    if let Some(words) = words {
        if words.is_empty() {
            return Ok(false);
        }
        let query = conditions.value(app.db.search_query(&words));
        if filter.authors.is_some() {
            conditions.that(app.db.search_condition("posts", "p", &query));
        }
        conditions.among(app.db.search("posts", &query));
    }
    filter_tags(filter.tags.as_deref(), conditions)?;
    let within = conditions.during("p.created_at", filter.during)?;
    if is_chosen && !within.is_empty() {
        let within = format!("p.deleted_at IS NULL AND {within}");
        conditions.among_newest(&app.db, source, "p.created_at", &[within]);
    }
    Ok(true)
}

/// Adds that a post has one of these tags.
fn filter_tags(tags: Option<&[String]>, conditions: &mut Conditions) -> Result<()> {
    let Some(tags) = tags else { return Ok(()) };
    let tags: BTreeSet<String> = tags.iter().map(|tag| text::tag_key(tag)).collect();
    if tags.is_empty() {
        conditions.nothing();
        return Ok(());
    }
    if tags.len() > MAX_TAGS {
        return Err(Error::bad_request(format!("A filter names at most {MAX_TAGS} tags.")));
    }
    let tags: Vec<String> = tags.into_iter().map(|tag| conditions.value(tag)).collect();
    let tagged =
        |tag: &String| format!("SELECT t.post_id AS id, t.created_at AS place FROM post_tags t WHERE t.tag = {tag}");
    if !conditions.among_newest_of_any(&tags.iter().map(tagged).collect::<Vec<_>>()) {
        // A count and not EXISTS, which PostgreSQL may turn round: by the tag first, however many have it.
        let all = tags.join(", ");
        conditions.that(format!("(SELECT COUNT(*) FROM post_tags t WHERE t.tag IN ({all}) AND t.post_id = p.id) > 0"));
    }
    Ok(())
}

/// The viewer's id, when somebody is signed in and it is needed.
fn viewer(actor: &Actor, needed: bool) -> Option<Uuid> {
    actor.user_id().filter(|_| needed).map(|viewer| viewer.0)
}

/// The placeholder of the viewer's id, when somebody is signed in and it is needed.
fn push_viewer(actor: &Actor, needed: bool, values: &mut Vec<Value>) -> Option<String> {
    values.push(viewer(actor, needed)?.into());
    Some(format!("${}", values.len()))
}

/// Fetches the first comments of each post, in one statement.
async fn attach_comments(
    app: &App,
    actor: &Actor,
    posts: &mut [PostView],
    beginning: Beginning,
    parts: &CommentParts,
) -> Result<()> {
    let ids: Vec<Uuid> = posts.iter().map(|view| view.post.id.0).collect();
    let mut lists = first_comments_of(app, actor, false, &ids, beginning, parts).await?;
    for post in posts {
        let comments = lists.remove(&post.post.id.0).unwrap_or_default();
        post.comments = Some((beginning, beginning.page().slice(comments)));
    }
    Ok(())
}

/// The first comments, and one more where that is of interest, of each post, or of each comment its replies: by the id of
/// what they are below, each list in order.
async fn first_comments_of(
    app: &App,
    actor: &Actor,
    replies: bool,
    ids: &[Uuid],
    beginning: Beginning,
    parts: &CommentParts,
) -> Result<HashMap<Uuid, Vec<CommentView>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (outer, filter) = if replies {
        ("comments p", format!("c.parent_id = p.id AND {SHOWN}"))
    } else {
        ("posts p", format!("c.post_id = p.id AND c.parent_id IS NULL AND {SHOWN}"))
    };
    let mut values = Vec::new();
    let list = placeholders(&mut values, ids);
    let viewer = push_viewer(actor, parts.viewer_likes, &mut values);
    let (columns, joins) = select_comments(parts, viewer.as_deref());
    let direction = beginning.page().direction(false);
    let order = format!("c.created_at {direction}, c.id {direction}");
    let count = beginning.size + u64::from(parts.has_next);
    let from = app.db.first_of_each(outer, "comments", "c", &filter, &order, count);
    let rows = app.db.rows(format!("SELECT {columns} FROM {from}{joins} WHERE p.id IN ({list})"), values).await?;
    let mut lists: HashMap<Uuid, Vec<CommentView>> = HashMap::with_capacity(ids.len());
    for row in &rows {
        let view = read_comment(row, parts, viewer.is_some())?;
        let below = view.comment.parent_id.filter(|_| replies).map_or(view.comment.post_id.0, |id| id.0);
        lists.entry(below).or_default().push(view);
    }
    for comments in lists.values_mut() {
        comments.sort_unstable_by_key(|view| (view.comment.created_at, view.comment.id));
        if beginning.reverse {
            comments.reverse();
        }
    }
    Ok(lists)
}

/// A tombstone is shown only as long as something that is shown hangs below it.
const SHOWN: &str = "(c.deleted_at IS NULL OR c.visible_reply_count > 0)";

/// A post by its id, as a tombstone when it is deleted, with the parts that are wanted.
pub async fn find(app: &App, actor: &Actor, id: PostId, parts: &PostParts) -> Result<Option<PostView>> {
    let mut found = by_id(app, actor, &[id], parts).await?;
    if let Some((beginning, parts)) = &parts.comments {
        attach_comments(app, actor, &mut found, *beginning, parts).await?;
    }
    Ok(found.pop())
}

/// Posts by id, tombstones included.
pub async fn posts_by_id(app: &App, actor: &Actor, ids: &[PostId]) -> Result<HashMap<PostId, PostView>> {
    let found = by_id(app, actor, ids, &PostParts::default()).await?;
    Ok(found.into_iter().map(|view| (view.post.id, view)).collect())
}

async fn by_id(app: &App, actor: &Actor, ids: &[PostId], parts: &PostParts) -> Result<Vec<PostView>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let viewer = push_viewer(actor, parts.viewer_likes, &mut values);
    let (columns, joins) = select_posts(parts, viewer.as_deref());
    let sql = format!("SELECT {columns} FROM posts p{joins} WHERE p.id IN ({list})");
    app.db.rows(sql, values).await?.iter().map(|row| read_post(row, parts, viewer.is_some())).collect()
}

/// Comments by id, tombstones included.
pub async fn comments_by_id(app: &App, _actor: &Actor, ids: &[CommentId]) -> Result<HashMap<CommentId, CommentView>> {
    let parts = CommentParts::default();
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let (columns, joins) = select_comments(&parts, None);
    let sql = format!("SELECT {columns} FROM comments c{joins} WHERE c.id IN ({list})");
    let rows = app.db.rows(sql, values).await?;
    rows.iter().map(|row| read_comment(row, &parts, false).map(|view| (view.comment.id, view))).collect()
}

/// What a list of comments hangs below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommentsOf {
    /// The answers to a post.
    Post(PostId),
    /// The replies to a comment.
    Comment(CommentId),
}

impl CommentsOf {
    /// Whether replies are meant, and of what.
    fn raw(self) -> (bool, Uuid) {
        match self {
            Self::Post(id) => (false, id.0),
            Self::Comment(id) => (true, id.0),
        }
    }
}

/// What cursors in a list of comments are tied to.
pub const COMMENTS_SORT: &str = "comments.oldest";

/// A comment's place among its siblings.
#[must_use]
pub fn comment_cursor(view: &CommentView) -> Cursor {
    Cursor { sort: COMMENTS_SORT, key: Key::Time(view.comment.created_at), id: view.comment.id.0 }
}

/// Comments in time order, a page at a time.
pub async fn comments(
    app: &App,
    actor: &Actor,
    of: CommentsOf,
    page: &Page,
    parts: &CommentParts,
    with_total: bool,
) -> Result<Slice<CommentView>> {
    let mut conditions = Conditions::default();
    match of {
        CommentsOf::Post(id) => {
            conditions.equal("c.post_id", Some(id.0));
            conditions.that("c.parent_id IS NULL");
        }
        CommentsOf::Comment(id) => conditions.equal("c.parent_id", Some(id.0)),
    }
    conditions.that(SHOWN);
    let source =
        Source { columns: "", table: "comments c", joins: "", key: "c.created_at", id: "c.id", descending: false };
    let total = if with_total { Some(total_of(&app.db, source, &conditions).await?) } else { None };
    let viewer = viewer(actor, parts.viewer_likes).map(|viewer| conditions.value(viewer));
    let (columns, joins) = select_comments(parts, viewer.as_deref());
    let source = Source { columns: &columns, joins: &joins, ..source };
    let read = |row: &QueryResult| read_comment(row, parts, viewer.is_some());
    Ok(Slice { total, ..rows_of(&app.db, source, conditions, page, read).await? })
}

/// The beginning of a list of comments, as a loader's key: below what, how many from which end, and what of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FirstComments {
    /// Below what.
    pub of: CommentsOf,
    /// How many, from which end.
    pub beginning: Beginning,
    /// What of each.
    pub parts: CommentParts,
}

/// The beginnings of many lists of comments: a statement for each different way of asking, not for each list.
pub async fn first_comments(
    app: &App,
    actor: &Actor,
    keys: &[FirstComments],
) -> Result<HashMap<FirstComments, Slice<CommentView>>> {
    let mut found = HashMap::with_capacity(keys.len());
    let mut groups: HashMap<(bool, Beginning, CommentParts), Vec<Uuid>> = HashMap::new();
    for key in keys {
        let (replies, id) = key.of.raw();
        groups.entry((replies, key.beginning, key.parts.clone())).or_default().push(id);
    }
    for ((replies, beginning, parts), ids) in groups {
        let mut lists = first_comments_of(app, actor, replies, &ids, beginning, &parts).await?;
        for id in ids {
            let of = if replies { CommentsOf::Comment(CommentId(id)) } else { CommentsOf::Post(PostId(id)) };
            let slice = beginning.page().slice(lists.remove(&id).unwrap_or_default());
            found.insert(FirstComments { of, beginning, parts: parts.clone() }, slice);
        }
    }
    Ok(found)
}

/// Somebody likes something.
#[derive(Debug, Clone)]
pub struct Like {
    /// Who.
    pub user: User,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What cursors in a list of likes are tied to.
pub const LIKES_SORT: &str = "likes.newest";

/// A like's place among the others.
#[must_use]
pub fn like_cursor(like: &Like) -> Cursor {
    Cursor { sort: LIKES_SORT, key: Key::Time(like.created_at), id: like.user.id.0 }
}

/// Who likes a post, newest first, a page at a time. The total is in the post's own counter.
pub async fn likes(app: &App, _actor: &Actor, post: PostId, page: &Page) -> Result<Slice<Like>> {
    let mut values: Vec<Value> = vec![post.0.into()];
    let (mut conditions, order) = page.clauses("l.created_at", "l.user_id", true, &mut values);
    conditions.insert(0, "l.post_id = $1".to_owned());
    let sql = format!(
        "SELECT l.created_at, {} FROM post_likes l JOIN users u ON u.id = l.user_id WHERE {} {order}",
        user_columns("u"),
        conditions.join(" AND ")
    );
    let rows = app.db.rows(sql, values).await?;
    let likes = rows.iter().map(|row| read_like(&mut Columns::new(row)));
    Ok(page.slice(likes.collect::<Result<Vec<_>>>()?))
}

/// The newest likes of many posts, or the oldest: post, how many from which end; a statement for each different beginning.
pub async fn first_likes(
    app: &App,
    _actor: &Actor,
    keys: &[(PostId, Beginning)],
) -> Result<HashMap<(PostId, Beginning), Slice<Like>>> {
    let mut found = HashMap::with_capacity(keys.len());
    let mut groups: HashMap<Beginning, Vec<Uuid>> = HashMap::new();
    for (post, beginning) in keys {
        groups.entry(*beginning).or_default().push(post.0);
    }
    for (beginning, ids) in groups {
        let mut values = Vec::new();
        let list = placeholders(&mut values, &ids);
        let direction = beginning.page().direction(true);
        let from = app.db.first_rows_of_each(
            "posts p",
            ("post_likes", "l", "post_id, user_id"),
            "l.post_id = p.id",
            &format!("l.created_at {direction}, l.user_id {direction}"),
            beginning.size + 1,
        );
        let columns = user_columns("u");
        let sql = format!(
            "SELECT l.post_id, l.created_at, {columns} FROM {from} JOIN users u ON u.id = l.user_id WHERE p.id IN ({list})"
        );
        let mut lists: HashMap<PostId, Vec<Like>> = HashMap::new();
        for row in &app.db.rows(sql, values).await? {
            let mut columns = Columns::new(row);
            let post = columns.take()?;
            lists.entry(post).or_default().push(read_like(&mut columns)?);
        }
        for id in ids {
            let mut likes = lists.remove(&PostId(id)).unwrap_or_default();
            likes.sort_unstable_by_key(|like| std::cmp::Reverse((like.created_at, like.user.id)));
            if beginning.reverse {
                likes.reverse();
            }
            found.insert((PostId(id), beginning), beginning.page().slice(likes));
        }
    }
    Ok(found)
}

/// Reads the time and the person of a like.
fn read_like(columns: &mut Columns<'_>) -> Result<Like> {
    let created_at = columns.take()?;
    let user = read_user(columns)?.ok_or_else(|| Error::internal("a like without a person"))?;
    Ok(Like { user, created_at })
}

/// Which of these posts the viewer likes.
pub async fn viewer_likes_posts(app: &App, actor: &Actor, ids: &[PostId]) -> Result<HashMap<PostId, bool>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let liked = viewer_likes(app, actor, "post_likes", "post_id", &ids).await?;
    Ok(ids.iter().map(|id| (PostId(*id), liked.contains(id))).collect())
}

/// Which of these comments the viewer likes.
pub async fn viewer_likes_comments(app: &App, actor: &Actor, ids: &[CommentId]) -> Result<HashMap<CommentId, bool>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let liked = viewer_likes(app, actor, "comment_likes", "comment_id", &ids).await?;
    Ok(ids.iter().map(|id| (CommentId(*id), liked.contains(id))).collect())
}

async fn viewer_likes(app: &App, actor: &Actor, table: &str, key: &str, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let Some(viewer) = actor.user_id() else { return Ok(Vec::new()) };
    let mut values: Vec<Value> = vec![viewer.0.into()];
    let list = placeholders(&mut values, ids);
    let sql = format!("SELECT {key} FROM {table} WHERE user_id = $1 AND {key} IN ({list})");
    app.db.rows(sql, values).await?.iter().map(|row| Columns::new(row).take()).collect()
}
