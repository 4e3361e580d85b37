//! Any number of made-up rows, as fast as the database takes them.
//!
//! First a plan: how many likes and comments each post will have, a few posts very many (Zipf's law), and those of the first
//! page enough of them for a page to be what it is among people who talk. Then people, then
//! posts, oldest first, each with all that hangs on it. So rows are written with their final counters, every commit
//! leaves them right, and indexes grow at their end. The next part is made up while the database writes the last.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Func};

use super::{
    PASSWORD,
    rows::{Insert, PostTag, Row},
    words::{Dice, Language},
};
use crate::{
    app::App,
    entity::{
        CommentId, PostId, UserId, comment, comment_like, credential, post, post_like,
        user::{self, UserKind},
    },
    error::{Error, Locale, Result},
    platform::{
        db::{Transaction, any_id},
        ids::Ids,
        passwords::Caller,
    },
};

/// How many rows a transaction writes, about.
const PART: u64 = 20_000;
/// How far back the rows go.
const PAST: TimeDelta = TimeDelta::days(365);
/// At most so many of the people who are there already take part.
const CROWD: u64 = 100_000;
/// The newest posts are a first page, as most people see it.
const FIRST_PAGE: usize = 20;
/// So many comments each of these has at least, where comments are so many for all posts.
const TALKED_ABOUT: u64 = 4;
/// So many of these are among the most discussed of all.
const DISCUSSED: usize = 2;
/// So many comments on a post are answers to it, before others answer them.
const ANSWERS: usize = 3;
/// Most likes and comments come within these milliseconds after a post.
const ATTENTION: i64 = TimeDelta::days(30).num_milliseconds();

/// How many rows to add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bulk {
    /// People; without new ones, those who are there write and like.
    pub users: u64,
    /// Posts, by people old and new.
    pub posts: u64,
    /// Comments and replies, on the new posts.
    pub comments: u64,
    /// Likes of the new posts and comments; a quarter is for comments.
    pub likes: u64,
}

/// Adds the rows, and gives how many: all that were asked for. `progress` is told of each part once it is committed.
///
/// Credentials and tags come along uncounted. Everybody's password is [`PASSWORD`].
pub async fn seed(app: &App, bulk: &Bulk, progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64> {
    if bulk.posts == 0 && bulk.comments + bulk.likes > 0 {
        return Err(Error::bad_request("Comments and likes are made for new posts: ask for some posts too."));
    }
    let now = app.clock.now().timestamp_millis();
    let taken = numbers_taken(app).await?;
    let crowd = if bulk.users > 0 { newcomers(bulk.users, taken, now, &app.ids) } else { crowd(app).await? };
    // What can't be is refused here, before anything is written.
    let maker = Arc::new(Maker::new(bulk, crowd, app.ids.clone(), now)?);
    let writer = Writer::new(app);
    if bulk.users > 0 {
        write_newcomers(app, &writer, &maker, taken, progress).await?;
    }
    let mut written = bulk.users;
    let mut next = make(&maker, 0).await?;
    while let Some(part) = next {
        let (committed, following) =
            tokio::join!(app.db.transact(async |tx| writer.write_in(&tx, &part).await), make(&maker, part.end));
        committed?;
        next = following?;
        written += part.counted();
        progress(part.counted());
    }
    Ok(written)
}

/// Makes the part that begins with this post, on a thread that may be kept busy.
async fn make(maker: &Arc<Maker>, first: usize) -> Result<Option<Part>> {
    let maker = Arc::clone(maker);
    tokio::task::spawn_blocking(move || maker.part(first)).await.map_err(Error::internal)
}

/// Somebody who writes and likes.
#[derive(Debug, Clone, Copy)]
struct Member {
    id: UserId,
    joined: i64,
    arabic: bool,
}

/// Somebody who is there already.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Known {
    id: UserId,
    created_at: DateTime<Utc>,
    locale: String,
}

/// How many people there are.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct People {
    #[sea_orm(from_expr = "user::Column::Id.count()")]
    count: i64,
}

/// A name to sign in with.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Name {
    username_key: String,
}

/// The people who are there already, longest first.
async fn crowd(app: &App) -> Result<Vec<Member>> {
    let known = user::Entity::find().order_by_asc(user::Column::CreatedAt).order_by_asc(user::Column::Id).limit(CROWD);
    let known = app.db.read::<Known, _>(known).await?;
    let member = |Known { id, created_at, locale }| Member {
        id,
        joined: created_at.timestamp_millis(),
        arabic: Locale::parse(&locale) == Locale::Arabic,
    };
    Ok(known.into_iter().map(member).collect())
}

/// People who are going to be added, in the order in which they joined: more of them in the beginning.
fn newcomers(count: u64, taken: u64, now: i64, ids: &Ids) -> Vec<Member> {
    let past = PAST.num_milliseconds();
    (0..count)
        .map(|place| {
            let share = place as f64 / count as f64;
            let joined = now - past + (share * share * past as f64) as i64;
            let arabic = Dice::new(USERS, taken + place + 1).chance(50);
            Member { id: UserId(ids.next(time(joined))), joined, arabic }
        })
        .collect()
}

async fn write_newcomers(
    app: &App,
    writer: &Writer,
    maker: &Maker,
    taken: u64,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<()> {
    let password_hash = app.passwords.enter(Caller::Known)?.hash(PASSWORD.to_owned()).await?;
    let mut number = taken;
    for members in maker.crowd.chunks(PART as usize / 2) {
        let mut users = Vec::with_capacity(members.len());
        for member in members {
            number += 1;
            users.push(maker.person(number, member));
        }
        let credentials: Vec<_> = users.iter().map(|user| credential_of(user, &password_hash)).collect();
        app.db
            .transact(async |tx| {
                writer.users.run(&tx, &users).await?;
                writer.credentials.run(&tx, &credentials).await
            })
            .await?;
        progress(users.len() as u64);
    }
    Ok(())
}

/// The number after which user names are free: that of all people, or of the highest name where some have gone.
async fn numbers_taken(app: &App) -> Result<u64> {
    let people = app.db.read_one::<People, _>(user::Entity::find()).await?;
    let count = people.map_or(0, |people| people.count);
    let key = user::Column::UsernameKey;
    // ':' follows '9'.
    let numbered = user::Entity::find().filter(key.gte("user_0")).filter(key.lt("user_:"));
    let highest = numbered.order_by_desc(Func::char_length(key.into_expr())).order_by_desc(key);
    let highest = app.db.read_one::<Name, _>(highest).await?;
    let number = |name: Name| name.username_key.trim_start_matches("user_").parse::<u64>().ok();
    let highest = highest.and_then(number).unwrap_or(0);
    Ok(highest.max(count.cast_unsigned()))
}

fn credential_of(user: &user::Model, password_hash: &str) -> credential::Model {
    let email = format!("{}@example.org", user.username_key);
    credential::Model {
        user_id: user.id,
        email_key: email.clone(),
        email,
        email_confirmed_at: Some(user.created_at),
        password_hash: Some(password_hash.to_owned()),
        password_changed_at: user.created_at,
        password_reset_at: None,
    }
}

fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

/// Seeds of the dice: the same command on the same data gives the same names, texts, times and numbers.
const USERS: u64 = 0x0075_7365_7273;
const POSTS: u64 = 0x0070_6f73_7473;
const POPULARITY: u64 = 0x706f_7075_6c61;

/// Makes up posts and what hangs on them.
#[derive(Debug)]
struct Maker {
    crowd: Vec<Member>,
    languages: [Language; 2],
    ids: Ids,
    now: i64,
    posts: Vec<PostPlan>,
}

/// What a post will have.
#[derive(Debug, Clone, Copy)]
struct PostPlan {
    at: i64,
    /// How many of the crowd had joined by then; only they take part.
    members: usize,
    likes: u64,
    comments: u64,
    comment_likes: u64,
}

impl Maker {
    fn new(bulk: &Bulk, crowd: Vec<Member>, ids: Ids, now: i64) -> Result<Self> {
        let posts = if bulk.posts == 0 { Vec::new() } else { plan(bulk, &crowd, now)? };
        Ok(Self { crowd, languages: [Language::english(), Language::arabic()], ids, now, posts })
    }

    fn person(&self, number: u64, member: &Member) -> user::Model {
        let mut dice = Dice::new(USERS, number);
        // The first throw decided the language.
        dice.next();
        let language = &self.languages[usize::from(member.arabic)];
        let (first, last) = language.name(&mut dice);
        let username = format!("user_{number:06}");
        let at = time(member.joined);
        user::Model {
            id: member.id,
            username_key: username.clone(),
            search_key: format!("user {number:06} {0} {1} {0} {1}", first.key, last.key),
            username,
            first_name: first.text.to_owned(),
            last_name: last.text.to_owned(),
            display_name: format!("{} {}", first.text, last.text),
            avatar_url: None,
            bio: if dice.chance(60) { language.comment(&mut dice) } else { String::new() },
            kind: match dice.below(10) {
                0..6 => UserKind::Customer,
                6..9 => UserKind::Artist,
                _ => UserKind::Store,
            },
            locale: if member.arabic { "ar" } else { "en" }.to_owned(),
            post_count: 0,
            username_changed_at: None,
            created_at: at,
            updated_at: at,
        }
    }

    /// As many posts from `first` on as make a transaction; none after the last.
    fn part(&self, first: usize) -> Option<Part> {
        let mut part = Part { end: first, ..Part::default() };
        while let Some(plan) = self.posts.get(part.end) {
            self.post(&mut part, plan);
            part.end += 1;
            if part.counted() >= PART {
                break;
            }
        }
        (part.end > first).then_some(part)
    }

    fn post(&self, part: &mut Part, plan: &PostPlan) {
        let mut dice = Dice::new(POSTS, plan.at.cast_unsigned() ^ ((part.end as u64) << 44));
        let members = &self.crowd[..plan.members];
        // A few people write most of the posts.
        let author = members[(dice.unit().powf(2.5) * members.len() as f64) as usize];
        let text = self.languages[usize::from(author.arabic)].post(&mut dice);
        let at = time(plan.at);
        let id = PostId(self.ids.next(at));
        part.tags.extend(text.tags.into_iter().map(|tag| PostTag { tag, post_id: id, created_at: at }));
        part.posts.push(post::Model {
            id,
            author_id: Some(author.id),
            body: text.body,
            search_key: text.search_key,
            shared_post_id: None,
            like_count: plan.likes as i64,
            comment_count: plan.comments as i64,
            share_count: 0,
            event_seq: 0,
            created_at: at,
            edited_at: dice.chance(4).then(|| time(self.later(plan.at, &mut dice))),
            deleted_at: None,
        });
        for member in distinct(members, plan.likes, &mut dice) {
            let created_at = time(self.later(plan.at, &mut dice));
            part.post_likes.push(post_like::Model { post_id: id, user_id: member.id, created_at });
        }
        self.comments(part, plan, id, &mut dice);
    }

    fn comments(&self, part: &mut Part, plan: &PostPlan, post_id: PostId, dice: &mut Dice) {
        let members = &self.crowd[..plan.members];
        let count = plan.comments as usize;
        let mut times: Vec<i64> = (0..count).map(|_| self.later(plan.at, dice)).collect();
        times.sort_unstable();
        let weights = popularity(count, dice);
        let likes = share_out(plan.comment_likes, &weights, |_| plan.members as u64, dice);
        let begin = part.comments.len();
        let mut answers: Vec<usize> = Vec::new();
        for (at, likes) in times.into_iter().zip(likes) {
            let author = members[dice.below(members.len())];
            let parent = if answers.len() < ANSWERS || dice.chance(65) {
                None
            } else {
                Some(answers[dice.below(answers.len())])
            };
            let id = CommentId(self.ids.next(time(at)));
            let parent_id = match parent {
                None => {
                    answers.push(part.comments.len() - begin);
                    None
                }
                Some(parent) => {
                    let parent = &mut part.comments[begin + parent];
                    parent.reply_count += 1;
                    parent.visible_reply_count += 1;
                    Some(parent.id)
                }
            };
            part.comments.push(comment::Model {
                id,
                post_id,
                parent_id,
                author_id: Some(author.id),
                body: self.languages[usize::from(author.arabic)].comment(dice),
                like_count: likes as i64,
                reply_count: 0,
                visible_reply_count: 0,
                created_at: time(at),
                edited_at: None,
                deleted_at: None,
            });
            for member in distinct(members, likes, dice) {
                let created_at = time(self.later(at, dice));
                part.comment_likes.push(comment_like::Model { comment_id: id, user_id: member.id, created_at });
            }
        }
    }

    /// Some time after `at` and not after now, mostly soon.
    fn later(&self, at: i64, dice: &mut Dice) -> i64 {
        let end = ATTENTION.min(self.now - at) as f64;
        at + (dice.unit().powi(3) * end) as i64
    }
}

/// What each post will have, oldest first.
fn plan(bulk: &Bulk, crowd: &[Member], now: i64) -> Result<Vec<PostPlan>> {
    let first =
        crowd.first().ok_or_else(|| Error::bad_request("There is nobody to write posts: ask for some users."))?;
    let begin = first.joined.max(now - PAST.num_milliseconds()).min(now);
    let count = bulk.posts as usize;
    let mut dice = Dice::new(POPULARITY, bulk.posts);
    let step = (now - begin) as f64 / count as f64;
    let mut posts: Vec<_> = (0..count)
        .map(|number| {
            let at = begin + ((number as f64 + dice.unit()) * step) as i64;
            let members = crowd.partition_point(|member| member.joined <= at).max(1);
            PostPlan { at, members, likes: 0, comments: 0, comment_likes: 0 }
        })
        .collect();
    let mut weights = popularity(count, &mut dice);
    let first_page = count.saturating_sub(FIRST_PAGE)..count;
    talk_of_the_day(&mut weights);
    let promised = TALKED_ABOUT.min(bulk.comments / bulk.posts);
    let others = bulk.comments - promised * first_page.len() as u64;
    let mut comments = share_out(others, &weights, |_| u64::MAX, &mut dice);
    comments[first_page].iter_mut().for_each(|comments| *comments += promised);
    let most_on_posts: u64 = posts.iter().map(|post| post.members as u64).sum();
    let most_on_comments: u64 = posts.iter().zip(&comments).map(|(post, count)| post.members as u64 * count).sum();
    if bulk.likes > most_on_posts + most_on_comments {
        return Err(Error::bad_request(format!(
            "{} likes are too many: these people can like these posts and comments {} times.",
            bulk.likes,
            most_on_posts + most_on_comments
        )));
    }
    let on_comments = (bulk.likes / 4).min(most_on_comments).max(bulk.likes.saturating_sub(most_on_posts));
    let likes = share_out(bulk.likes - on_comments, &weights, |number| posts[number].members as u64, &mut dice);
    let discussed: Vec<f64> = comments.iter().map(|count| *count as f64).collect();
    let most = |number: usize| posts[number].members as u64 * comments[number];
    let comment_likes = share_out(on_comments, &discussed, most, &mut dice);
    for (number, post) in posts.iter_mut().enumerate() {
        (post.likes, post.comments, post.comment_likes) = (likes[number], comments[number], comment_likes[number]);
    }
    Ok(posts)
}

/// How much attention each of `count` things gets: the n-th most popular about 1 / n^0.75 of the first.
fn popularity(count: usize, dice: &mut Dice) -> Vec<f64> {
    (0..count).map(|_| (1.0 - dice.unit()).powf(-0.75)).collect()
}

/// Gives the greatest few weights to the last things, a few places apart.
fn talk_of_the_day(weights: &mut [f64]) {
    let mut by_weight: Vec<usize> = (0..weights.len()).collect();
    by_weight.sort_unstable_by(|one, other| weights[*other].total_cmp(&weights[*one]));
    let begin = weights.len().saturating_sub(FIRST_PAGE);
    let greatest: Vec<f64> = by_weight.iter().take(DISCUSSED).map(|place| weights[*place]).collect();
    for (place, weight) in (begin..weights.len()).step_by(FIRST_PAGE / DISCUSSED).zip(greatest) {
        weights[place] = weight;
    }
}

/// Shares a total out by weight, none getting more than its most; all of it, if there is room for all.
fn share_out(total: u64, weights: &[f64], most: impl Fn(usize) -> u64, dice: &mut Dice) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    let mut left = total;
    // What is rounded off one share is added to the next, so that nobody is left with what the others' rounding left.
    let mut rest = dice.unit();
    let mut given: Vec<u64> = weights
        .iter()
        .enumerate()
        .map(|(place, weight)| {
            rest += if sum > 0.0 { total as f64 * weight / sum } else { 0.0 };
            let whole = rest.floor();
            rest -= whole;
            let share = (whole as u64).min(most(place)).min(left);
            left -= share;
            share
        })
        .collect();
    while left > 0 {
        let open = given.iter().enumerate().filter(|(place, given)| **given < most(*place)).count() as u64;
        if open == 0 {
            break;
        }
        let each = left.div_ceil(open);
        for (place, given) in given.iter_mut().enumerate() {
            let more = each.min(most(place) - *given).min(left);
            *given += more;
            left -= more;
        }
    }
    given
}

/// `count` different members: steps of one length through the crowd, which meets each once if the length and the
/// crowd's size have no common divisor.
fn distinct<'a>(members: &'a [Member], count: u64, dice: &mut Dice) -> impl Iterator<Item = Member> + use<'a> {
    let size = members.len();
    let begin = dice.below(size);
    let mut step = 1 + dice.below(size);
    while common_divisor(step, size) != 1 {
        step = 1 + step % size;
    }
    let count = (count as usize).min(size);
    (0..count).scan(begin, move |place, _| {
        let member = members[*place];
        *place = (*place + step) % size;
        Some(member)
    })
}

fn common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The rows of one transaction.
#[derive(Debug, Default)]
struct Part {
    posts: Vec<post::Model>,
    tags: Vec<PostTag>,
    post_likes: Vec<post_like::Model>,
    comments: Vec<comment::Model>,
    comment_likes: Vec<comment_like::Model>,
    /// The post after the last one here.
    end: usize,
}

impl Part {
    /// How many of the rows were asked for.
    fn counted(&self) -> u64 {
        (self.posts.len() + self.post_likes.len() + self.comments.len() + self.comment_likes.len()) as u64
    }
}

/// Statements for all tables.
#[derive(Debug)]
struct Writer {
    users: Insert<user::Model>,
    credentials: Insert<credential::Model>,
    posts: Insert<post::Model>,
    tags: Insert<PostTag>,
    post_likes: Insert<post_like::Model>,
    comments: Insert<comment::Model>,
    comment_likes: Insert<comment_like::Model>,
}

impl Writer {
    fn new(app: &App) -> Self {
        fn insert<R: Row>(app: &App) -> Insert<R> {
            Insert::new(app.db.backend())
        }
        Self {
            users: insert(app),
            credentials: insert(app),
            posts: insert(app),
            tags: insert(app),
            post_likes: insert(app),
            comments: insert(app),
            comment_likes: insert(app),
        }
    }

    async fn write_in(&self, tx: &Transaction, part: &Part) -> Result<()> {
        self.posts.run(tx, &part.posts).await?;
        self.tags.run(tx, &part.tags).await?;
        self.post_likes.run(tx, &part.post_likes).await?;
        self.comments.run(tx, &part.comments).await?;
        self.comment_likes.run(tx, &part.comment_likes).await?;
        count_posts_in(tx, &part.posts).await
    }
}

/// Raises the authors' `post_count`: one statement for all whose number has the same binary digit, a few in all.
async fn count_posts_in(tx: &Transaction, posts: &[post::Model]) -> Result<()> {
    let mut counts: BTreeMap<UserId, u64> = BTreeMap::new();
    for author in posts.iter().filter_map(|post| post.author_id) {
        *counts.entry(author).or_default() += 1;
    }
    let most = counts.values().max().copied().unwrap_or(0);
    for digit in 0..u64::BITS - most.leading_zeros() {
        let authors: Vec<_> =
            counts.iter().filter(|(_, count)| **count >> digit & 1 == 1).map(|(id, _)| id.0).collect();
        for authors in authors.chunks(256) {
            let more = sea_orm::ExprTrait::add(user::Column::PostCount.into_expr(), 1_i64 << digit);
            user::Entity::update_many()
                .col_expr(user::Column::PostCount, more)
                .filter(any_id(user::Column::Id, authors))
                .exec(tx)
                .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    fn crowd(count: u64) -> Vec<Member> {
        (0..count)
            .map(|number| Member {
                id: UserId(Uuid::from_u128(u128::from(number))),
                joined: number as i64 * 1000,
                arabic: number % 2 == 0,
            })
            .collect()
    }

    #[test]
    fn a_total_is_shared_out_whole_and_within_bounds() {
        let mut dice = Dice::new(1, 1);
        for (total, count, most) in [(1000, 10, 5000), (1000, 10, 100), (7, 1000, 1), (999, 1000, 1), (0, 5, 3)] {
            let weights = popularity(count, &mut dice);
            let given = share_out(total, &weights, |_| most, &mut dice);
            assert_eq!(given.iter().sum::<u64>(), total);
            assert!(given.iter().all(|given| *given <= most), "{given:?}");
        }
        assert_eq!(share_out(10, &[1.0, 1.0], |_| 3, &mut dice), [3, 3]);
        assert!(share_out(10, &[], |_| 3, &mut dice).is_empty());
    }

    #[test]
    fn a_few_posts_get_much_of_the_attention() {
        let bulk = Bulk { users: 0, posts: 2000, comments: 10_000, likes: 40_000 };
        let posts = plan(&bulk, &crowd(5000), 31_536_000_000).unwrap();
        let mut likes: Vec<_> = posts.iter().map(|post| post.likes).collect();
        likes.sort_unstable_by_key(|likes| std::cmp::Reverse(*likes));
        assert!(likes[0] > 200 && likes[1000] < 20, "{:?}", &likes[..5]);
        assert_eq!(posts.iter().map(|post| post.comments).sum::<u64>(), 10_000);
        assert_eq!(posts.iter().map(|post| post.likes + post.comment_likes).sum::<u64>(), 40_000);
    }

    #[test]
    fn the_first_page_is_talked_about_and_some_of_it_very_much() {
        let now = 31_536_000_000;
        let bulk = Bulk { users: 0, posts: 2000, comments: 10_000, likes: 4_000 };
        let maker = Maker::new(&bulk, crowd(5000), Ids::seeded(), now).unwrap();
        let mut newest = Part::default();
        for plan in &maker.posts[1980..] {
            maker.post(&mut newest, plan);
        }
        for post in &newest.posts {
            let answers = newest.comments.iter().filter(|one| one.post_id == post.id && one.parent_id.is_none());
            assert!(answers.count() >= 3, "{post:?}");
        }
        let mut all: Vec<u64> = maker.posts.iter().map(|post| post.comments).collect();
        let mut page = all[1980..].to_vec();
        all.sort_unstable();
        page.sort_unstable();
        assert!(page[18] > 200 && page[18] >= all[1995], "{page:?} {:?}", &all[1995..]);
    }

    #[test]
    fn the_same_member_never_comes_twice() {
        let crowd = crowd(30);
        for number in 0..200 {
            let mut dice = Dice::new(3, number);
            let size = 1 + dice.below(30);
            let count = dice.below(40) as u64;
            let ids: Vec<_> = distinct(&crowd[..size], count, &mut dice).map(|member| member.id).collect();
            assert_eq!(ids.len() as u64, count.min(size as u64));
            assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        }
    }

    #[test]
    fn a_part_counts_what_it_holds() {
        let now = 31_536_000_000;
        let bulk = Bulk { users: 0, posts: 300, comments: 2000, likes: 5000 };
        let maker = Maker::new(&bulk, crowd(200), Ids::seeded(), now).unwrap();
        let part = maker.part(0).unwrap();
        assert_eq!((part.end, part.counted()), (300, 7300));
        for post in &part.posts {
            let likes = part.post_likes.iter().filter(|like| like.post_id == post.id).count();
            let comments = part.comments.iter().filter(|comment| comment.post_id == post.id).count();
            assert_eq!((post.like_count, post.comment_count), (likes as i64, comments as i64));
            assert!(post.created_at.timestamp_millis() <= now);
        }
        for comment in &part.comments {
            let likes = part.comment_likes.iter().filter(|like| like.comment_id == comment.id).count();
            let replies = part.comments.iter().filter(|reply| reply.parent_id == Some(comment.id)).count();
            assert_eq!((comment.like_count, comment.reply_count), (likes as i64, replies as i64));
            assert!(comment.created_at.timestamp_millis() <= now);
        }
        assert!(maker.part(300).is_none());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let asked = Bulk { users: 0, posts: 2, comments: 0, likes: 100 };
        assert!(plan(&asked, &crowd(3), 5000).is_err(), "more likes than people and posts");
        assert!(plan(&asked, &[], 5000).is_err(), "nobody to write");
    }

    #[test]
    fn numbered_people_have_names_that_may_be_taken() {
        let crowd = newcomers(50, 10, 31_536_000_000, &Ids::seeded());
        assert!(crowd.is_sorted_by_key(|member| member.joined) && crowd[49].joined < 31_536_000_000);
        let maker = Maker::new(&Bulk::default(), crowd, Ids::seeded(), 31_536_000_000).unwrap();
        let user = maker.person(11, &maker.crowd[0]);
        assert_eq!(user.username, "user_000011");
        let named = format!("{} {} {} {}", user.username, user.first_name, user.last_name, user.display_name);
        assert_eq!(user.search_key, crate::platform::text::search_key(&named));
    }
}
