//! Reading posts, comments and likes. A page and everything that was asked for with it is one statement, and one more
//! for the first comments of each post, whatever the size of the page.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    RelationDef, RelationTrait, Select,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    CommentParts, CommentView, MAX_TAGS, PostParts, PostRow, PostView,
    rows::{read_comment, read_post, select_comments, select_posts},
    sql,
};
use crate::{
    app::App,
    domain::{
        accounts::{User, UserRow},
        actor::Actor,
    },
    entity::{CommentId, PostId, UserId, comment, comment_like, post, post_like, post_tag},
    error::{Error, Result},
    platform::{
        db::any_id,
        list::{List, Sorting, Span},
        page::{Beginning, Cursor, Key, Page, Slice},
        text,
    },
};

/// What posts have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PostFilter {
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
pub(crate) enum PostSort {
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
    pub(crate) fn cursor_name(self) -> &'static str {
        match self {
            Self::Newest => "posts.newest",
            Self::MostLiked => "posts.liked",
            Self::MostDiscussed => "posts.discussed",
        }
    }

    /// A post's place in this order.
    #[must_use]
    pub(crate) fn cursor(self, post: &PostRow) -> Cursor {
        let key = match self {
            Self::Newest => Key::Time(post.created_at),
            Self::MostLiked => Key::Integer(post.like_count),
            Self::MostDiscussed => Key::Integer(post.comment_count),
        };
        Cursor { sort: self.cursor_name(), key, id: post.id.0 }
    }

    fn column(self) -> post::Column {
        match self {
            Self::Newest => post::Column::CreatedAt,
            Self::MostLiked => post::Column::LikeCount,
            Self::MostDiscussed => post::Column::CommentCount,
        }
    }
}

/// What everybody may see in a list: posts that are not deleted. The start of every list.
fn visible_to(_actor: &Actor, sort: PostSort) -> List<post::Entity> {
    let mut list = List::<post::Entity>::sorted(Sorting::descending(sort.column(), post::Column::Id));
    list.filter(post::Column::DeletedAt.is_null());
    list
}

/// Posts, a page at a time.
///
/// In the order of time, an index holds the posts of everybody, of each author and of each tag. In another order, and where a
/// text is searched for, the newest that a filter names are chosen first: see [`List::among`].
pub(crate) async fn posts(
    app: &App,
    actor: &Actor,
    filter: &PostFilter,
    sort: PostSort,
    page: &Page,
    parts: &PostParts,
    with_total: bool,
) -> Result<Slice<PostView>> {
    let mut list = visible_to(actor, sort);
    if sort == PostSort::Newest && *filter == PostFilter::default() {
        let total = if with_total { Some(list.total(&app.db).await?) } else { None };
        let slice = feed(app, actor, page, parts).await?;
        return with_comments(app, actor, Slice { total, ..slice }, parts).await;
    }
    if let Some(tagged) = tagged(filter, sort)? {
        let way = Some(post_tag::Relation::Post.def());
        return listed(app, actor, (tagged, way), page, parts, with_total).await;
    }
    if !filter_posts(app, filter, sort, &mut list)? {
        return Ok(Slice::nothing(page, with_total));
    }
    listed(app, actor, (list, None), page, parts, with_total).await
}

/// Everybody's posts, the newest first.
async fn feed(app: &App, actor: &Actor, page: &Page, parts: &PostParts) -> Result<Slice<PostView>> {
    let viewer = viewer(actor, parts.viewer_likes);
    let (sql, values) = sql::feed(page, parts, viewer);
    let rows = app.db.rows(sql, values).await?;
    let posts = rows.iter().map(|row| read_post(row, parts, viewer.is_some()));
    Ok(page.slice(posts.collect::<Result<_>>()?))
}

/// The posts with a tag, newest first: their places stand beside the tag.
fn tagged(filter: &PostFilter, sort: PostSort) -> Result<Option<List<post_tag::Entity>>> {
    let (Some([tag]), PostSort::Newest, None, None) = (filter.tags.as_deref(), sort, &filter.authors, &filter.text)
    else {
        return Ok(None);
    };
    // A post that is deleted has no tags.
    let mut list =
        List::<post_tag::Entity>::sorted(Sorting::descending(post_tag::Column::CreatedAt, post_tag::Column::PostId));
    list.equal(post_tag::Column::Tag, Some(text::tag_key(tag)));
    list.during(post_tag::Column::CreatedAt, filter.during)?;
    Ok(Some(list))
}

/// A list of posts, or of what leads to them in a `way`, with the parts that are wanted.
async fn listed<E: EntityTrait>(
    app: &App,
    actor: &Actor,
    (list, way): (List<E>, Option<RelationDef>),
    page: &Page,
    parts: &PostParts,
    with_total: bool,
) -> Result<Slice<PostView>>
where
    E::Column: Copy,
{
    let total = if with_total { Some(list.total(&app.db).await?) } else { None };
    let viewer = viewer(actor, parts.viewer_likes);
    let reading = |select: Select<E>| {
        let select = match way {
            Some(way) => select.join(JoinType::InnerJoin, way),
            None => select,
        };
        select_posts(select, parts, viewer)
    };
    let slice = list.rows_read(&app.db, page, reading, |row| read_post(row, parts, viewer.is_some())).await?;
    with_comments(app, actor, Slice { total, ..slice }, parts).await
}

/// Adds the condition that a filter makes; false when nothing can match.
fn filter_posts(app: &App, filter: &PostFilter, sort: PostSort, list: &mut List<post::Entity>) -> Result<bool> {
    let words = filter.text.as_deref().map(text::search_words).transpose()?;
    let is_chosen = sort != PostSort::Newest || words.is_some();
    let authors = list.any_of(post::Column::AuthorId, filter.authors.as_deref(), |author| author.0)?;
    if is_chosen {
        // Somebody's own posts are few, so a text is looked for among them, not they among all that have it.
        list.among_newest(&app.db, post::Column::CreatedAt, authors);
    }
    if let Some(words) = words {
        if words.is_empty() {
            return Ok(false);
        }
        if filter.authors.is_some() {
            list.filter(app.db.has_words::<post::Entity>(&words));
        }
        list.among(app.db.matching::<post::Entity>(&words));
    }
    filter_tags(filter.tags.as_deref(), list)?;
    let within = list.during(post::Column::CreatedAt, filter.during)?;
    if let Some(within) = within.filter(|_| is_chosen) {
        let within = post::Column::DeletedAt.is_null().and(within);
        list.among_newest(&app.db, post::Column::CreatedAt, vec![within]);
    }
    Ok(true)
}

/// Adds that a post has one of these tags.
fn filter_tags(tags: Option<&[String]>, list: &mut List<post::Entity>) -> Result<()> {
    let Some(tags) = tags else { return Ok(()) };
    let tags: BTreeSet<String> = tags.iter().map(|tag| text::tag_key(tag)).collect();
    if tags.is_empty() {
        list.nothing();
        return Ok(());
    }
    if tags.len() > MAX_TAGS {
        return Err(Error::bad_request(format!("A filter names at most {MAX_TAGS} tags.")));
    }
    if !list.among_newest_of_any(tags.iter().map(|tag| posts_with(tag)).collect()) {
        // A count and not EXISTS, which PostgreSQL may turn round: by the tag first, however many have it.
        let of_post = Expr::col((post_tag::Entity, post_tag::Column::PostId));
        let tagged = Query::select()
            .expr(Expr::cust("COUNT(*)"))
            .from(post_tag::Entity)
            .and_where(post_tag::Column::Tag.is_in(tags))
            .and_where(of_post.eq(Expr::col((post::Entity, post::Column::Id))))
            .take();
        list.filter(Expr::from(tagged).gt(0));
    }
    Ok(())
}

/// The ids of the posts with a tag, and as their place when they were published.
fn posts_with(tag: &str) -> SelectStatement {
    Query::select()
        .expr_as(Expr::col(post_tag::Column::PostId), "id")
        .expr_as(Expr::col(post_tag::Column::CreatedAt), "place")
        .from(post_tag::Entity)
        .and_where(post_tag::Column::Tag.eq(tag))
        .take()
}

/// The viewer's id, when somebody is signed in and it is needed.
fn viewer(actor: &Actor, needed: bool) -> Option<UserId> {
    actor.user_id().filter(|_| needed)
}

/// The same posts, with their first comments where these are wanted.
async fn with_comments(
    app: &App,
    actor: &Actor,
    mut posts: Slice<PostView>,
    parts: &PostParts,
) -> Result<Slice<PostView>> {
    if let Some((beginning, parts)) = &parts.comments {
        attach_comments(app, actor, &mut posts.items, *beginning, parts).await?;
    }
    Ok(posts)
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
    let viewer = viewer(actor, parts.viewer_likes);
    let (sql, values) = sql::first_comments(&app.db, replies, ids, beginning, parts, viewer);
    let rows = app.db.rows(sql, values).await?;
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
fn is_shown() -> Expr {
    comment::Column::DeletedAt.is_null().or(comment::Column::VisibleReplyCount.gt(0))
}

/// A post by its id, as a tombstone when it is deleted, with the parts that are wanted.
pub(crate) async fn find(app: &App, actor: &Actor, id: PostId, parts: &PostParts) -> Result<Option<PostView>> {
    let mut found = by_id(app, actor, &[id], parts).await?;
    if let Some((beginning, parts)) = &parts.comments {
        attach_comments(app, actor, &mut found, *beginning, parts).await?;
    }
    Ok(found.pop())
}

/// Posts by id, tombstones included.
pub(crate) async fn posts_by_id(app: &App, actor: &Actor, ids: &[PostId]) -> Result<HashMap<PostId, PostView>> {
    let found = by_id(app, actor, ids, &PostParts::default()).await?;
    Ok(found.into_iter().map(|view| (view.post.id, view)).collect())
}

async fn by_id(app: &App, actor: &Actor, ids: &[PostId], parts: &PostParts) -> Result<Vec<PostView>> {
    let viewer = viewer(actor, parts.viewer_likes);
    let (sql, values) = sql::by_id(ids, parts, viewer);
    app.db.rows(sql, values).await?.iter().map(|row| read_post(row, parts, viewer.is_some())).collect()
}

/// Comments by id, tombstones included.
pub(crate) async fn comments_by_id(
    app: &App,
    _actor: &Actor,
    ids: &[CommentId],
) -> Result<HashMap<CommentId, CommentView>> {
    let comments = app.db.all(comment::Entity::find().filter(any_id(comment::Column::Id, ids))).await?;
    Ok(comments.into_iter().map(|comment| (comment.id, CommentView::bare(comment))).collect())
}

/// What a list of comments hangs below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CommentsOf {
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
pub(crate) const COMMENTS_SORT: &str = "comments.oldest";

/// A comment's place among its siblings.
#[must_use]
pub(crate) fn comment_cursor(view: &CommentView) -> Cursor {
    Cursor { sort: COMMENTS_SORT, key: Key::Time(view.comment.created_at), id: view.comment.id.0 }
}

/// Comments in time order, a page at a time.
pub(crate) async fn comments(
    app: &App,
    actor: &Actor,
    of: CommentsOf,
    page: &Page,
    parts: &CommentParts,
    with_total: bool,
) -> Result<Slice<CommentView>> {
    let mut list = List::<comment::Entity>::sorted(Sorting::ascending(comment::Column::CreatedAt, comment::Column::Id));
    match of {
        CommentsOf::Post(id) => {
            list.equal(comment::Column::PostId, Some(id));
            list.filter(comment::Column::ParentId.is_null());
        }
        CommentsOf::Comment(id) => list.equal(comment::Column::ParentId, Some(id)),
    }
    list.filter(is_shown());
    let total = if with_total { Some(list.total(&app.db).await?) } else { None };
    let viewer = viewer(actor, parts.viewer_likes);
    let reading = |select| select_comments(select, parts, viewer);
    let slice = list.rows_read(&app.db, page, reading, |row| read_comment(row, parts, viewer.is_some())).await?;
    Ok(Slice { total, ..slice })
}

/// The beginning of a list of comments, as a loader's key: below what, how many from which end, and what of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FirstComments {
    /// What they hang below.
    pub of: CommentsOf,
    /// How many, from which end.
    pub beginning: Beginning,
    /// What is read of each.
    pub parts: CommentParts,
}

/// The beginnings of many lists of comments: a statement for each different way of asking, not for each list.
pub(crate) async fn first_comments(
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
pub(crate) struct Like {
    /// Who likes it.
    pub user: User,
    /// Since when they like it.
    pub created_at: DateTime<Utc>,
}

/// What cursors in a list of likes are tied to.
pub(crate) const LIKES_SORT: &str = "likes.newest";

/// A like's place among the others.
#[must_use]
pub(crate) fn like_cursor(like: &Like) -> Cursor {
    Cursor { sort: LIKES_SORT, key: Key::Time(like.created_at), id: like.user.id.0 }
}

/// A like as it is read.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "post_like::Entity")]
struct LikeRow {
    post_id: PostId,
    created_at: DateTime<Utc>,
    #[sea_orm(nested)]
    user: UserRow,
}

impl From<LikeRow> for Like {
    fn from(row: LikeRow) -> Self {
        Self { user: Arc::new(row.user), created_at: row.created_at }
    }
}

/// Who likes a post, newest first, a page at a time. The total is in the post's own counter.
pub(crate) async fn likes(app: &App, _actor: &Actor, post: PostId, page: &Page) -> Result<Slice<Like>> {
    let mut list =
        List::<post_like::Entity>::sorted(Sorting::descending(post_like::Column::CreatedAt, post_like::Column::UserId));
    list.equal(post_like::Column::PostId, Some(post));
    let with_person =
        |select: Select<post_like::Entity>| select.join(JoinType::InnerJoin, post_like::Relation::User.def());
    Ok(list.rows::<LikeRow>(&app.db, page, with_person).await?.map(Like::from))
}

/// The newest likes of many posts, or the oldest: post, how many from which end; a statement for each different beginning.
pub(crate) async fn first_likes(
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
        let (sql, values) = sql::first_likes(&app.db, &ids, beginning);
        let mut lists: HashMap<PostId, Vec<Like>> = HashMap::new();
        for row in &app.db.rows(sql, values).await? {
            let like = LikeRow::from_query_result(row, "")?;
            lists.entry(like.post_id).or_default().push(like.into());
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

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "post_like::Entity")]
struct LikedPost {
    post_id: PostId,
}

/// Which of these posts the viewer likes.
pub(crate) async fn viewer_likes_posts(app: &App, actor: &Actor, ids: &[PostId]) -> Result<HashMap<PostId, bool>> {
    let mut liked = HashSet::new();
    if let Some(viewer) = actor.user_id() {
        let theirs = post_like::Entity::find().filter(post_like::Column::UserId.eq(viewer));
        let found: Vec<LikedPost> = app.db.read(theirs.filter(any_id(post_like::Column::PostId, ids))).await?;
        liked.extend(found.into_iter().map(|like| like.post_id));
    }
    Ok(ids.iter().map(|id| (*id, liked.contains(id))).collect())
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "comment_like::Entity")]
struct LikedComment {
    comment_id: CommentId,
}

/// Which of these comments the viewer likes.
pub(crate) async fn viewer_likes_comments(
    app: &App,
    actor: &Actor,
    ids: &[CommentId],
) -> Result<HashMap<CommentId, bool>> {
    let mut liked = HashSet::new();
    if let Some(viewer) = actor.user_id() {
        let theirs = comment_like::Entity::find().filter(comment_like::Column::UserId.eq(viewer));
        let found: Vec<LikedComment> = app.db.read(theirs.filter(any_id(comment_like::Column::CommentId, ids))).await?;
        liked.extend(found.into_iter().map(|like| like.comment_id));
    }
    Ok(ids.iter().map(|id| (*id, liked.contains(id))).collect())
}
