//! Goals of the demo, by the functions that the commands are made of: totals, ledger and payments agree from the first
//! moment. When it was given is put back afterwards; when the money moved stays as the ledger and the payment say.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    fundraising::{End, GOALS, Gift, Goal, Hidden},
    story::{END, Story},
};
use crate::{
    app::App,
    domain::{
        goals::{self, GoalContribute},
        jobs::Job,
        payments::{self, NewPayment, Payer},
    },
    entity::{
        ContributionCommentId, ContributionId, Currency, GoalId, GoalNewsId, Money, PaymentId, contribution_comment,
        goal::{self, Funding, GoalState},
        goal_contribution, goal_news, job,
        payment::{ProviderKind, TargetKind},
    },
    error::{Error, Result},
    platform::{db::Transaction, text},
};

/// Begins every goal, gives what was given, and ends what has ended. People and their money are there already.
pub(super) async fn raise_in(app: &App, tx: &Transaction, story: &Story) -> Result<()> {
    for script in GOALS {
        let post = story.post(script.post)?;
        let goal = begin(app, story, script)?;
        goals::insert_in(tx, &goal).await?;
        for gift in script.gifts {
            give_in(app, tx, story, &goal, gift).await?;
        }
        for (after, title, body) in script.news {
            let at = later(post.created_at, TimeDelta::hours(*after));
            let (title, body) = ((*title).to_owned(), (*body).to_owned());
            let id = GoalNewsId(app.ids.next(at));
            let news = goal_news::Model { id, goal_id: goal.id, title, body, created_at: at };
            goals::publish_in(app, tx, &news).await?;
        }
        match script.end {
            End::Open(_) => {}
            End::Ended(after) => end_in(app, tx, &goal, (GoalState::Ended, after), None).await?,
            End::Cancelled(after, why) => end_in(app, tx, &goal, (GoalState::Cancelled, after), Some(why)).await?,
        }
    }
    // Whoever made the demo up waits for no receipts by e-mail. What people are told here is told by its jobs.
    job::Entity::delete_many().filter(job::Column::Kind.eq(payments::SendReceipt::KIND)).exec(tx).await?;
    Ok(())
}

/// Some time after another, but within the story.
fn later(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    (at + by).min(END)
}

fn begin(app: &App, story: &Story, script: &Goal) -> Result<goal::Model> {
    let post = story.post(script.post)?;
    let at = later(post.created_at, TimeDelta::minutes(4));
    let unknown = || Error::internal("the demo has no such currency");
    let deadline = match script.end {
        End::Open(days) => days.map(|days| app.clock.now() + TimeDelta::days(days)),
        // Open until it is ended below, which puts its deadline back, too.
        _ => (script.funding == Funding::Fixed).then(|| app.clock.now() + TimeDelta::days(1)),
    };
    Ok(goal::Model {
        id: GoalId(app.ids.next(at)),
        post_id: post.id,
        owner_id: post.author_id,
        title: script.title.to_owned(),
        story: script.story.to_owned(),
        search_key: text::search_key(&format!("{} {}", script.title, script.story)),
        category: Some(script.category.to_owned()),
        currency: Currency::parse(script.currency).ok_or_else(unknown)?,
        target: script.target,
        funding: script.funding,
        deadline,
        suggested_amounts: serde_json::to_string(script.suggested)?,
        cover_url: None,
        state: GoalState::Open,
        raised: 0,
        withdrawn: 0,
        progress: 0,
        contribution_count: 0,
        event_seq: 0,
        end_reason: None,
        created_at: at,
        edited_at: None,
        ended_at: None,
    })
}

/// Somebody gives out of their wallet, and people talk about it.
async fn give_in(app: &App, tx: &Transaction, story: &Story, goal: &goal::Model, gift: &Gift) -> Result<()> {
    let at = later(goal.created_at, TimeDelta::hours(gift.after));
    let (id, payment) = (ContributionId(app.ids.next(at)), PaymentId(app.ids.next(at)));
    let amount = Money::new(gift.amount, goal.currency);
    let command = GoalContribute {
        goal: goal.id,
        amount,
        provider: ProviderKind::Wallet,
        method: None,
        is_anonymous: gift.hidden != Hidden::No,
        hide_from_owner: gift.hidden == Hidden::Yes,
        message: gift.message.to_owned(),
        guest: None,
        idempotency_key: String::new(),
    };
    let new = NewPayment {
        id: payment,
        target: TargetKind::GoalContribution,
        target_id: id.0,
        payer: Payer::User(story.user(gift.by)?),
        locale: "en",
        provider: ProviderKind::Wallet,
        method: None,
        amount,
    };
    goals::give_in(app, tx, (id, &new), &command, None, gift.message).await?;
    goal_contribution::Entity::update_many()
        .col_expr(goal_contribution::Column::CreatedAt, Expr::value(at))
        .col_expr(goal_contribution::Column::ReceivedAt, Expr::value(at))
        .filter(goal_contribution::Column::Id.eq(id))
        .exec(tx)
        .await?;
    for (by, after, body) in gift.comments {
        let at = later(at, TimeDelta::minutes(*after));
        let comment = contribution_comment::Model {
            id: ContributionCommentId(app.ids.next(at)),
            contribution_id: id,
            author_id: Some(story.user(by)?),
            body: (*body).to_owned(),
            created_at: at,
            edited_at: None,
            deleted_at: None,
        };
        goals::say_in(app, tx, &comment).await?;
    }
    Ok(())
}

async fn end_in(
    app: &App,
    tx: &Transaction,
    goal: &goal::Model,
    (state, after): (GoalState, i64),
    why: Option<&str>,
) -> Result<()> {
    let missing = || Error::internal(format!("{} is not there", goal.id));
    let view = goals::lock_goal_in(tx, goal.id).await?.ok_or_else(missing)?;
    goals::close_in(app, tx, &view, state, why.map(str::to_owned)).await?;
    let at = later(goal.created_at, TimeDelta::hours(after));
    let deadline = goal.deadline.map(|_| at);
    goal::Entity::update_many()
        .col_expr(goal::Column::Deadline, Expr::value(deadline))
        .col_expr(goal::Column::EndedAt, Expr::value(at))
        .filter(goal::Column::Id.eq(goal.id))
        .exec(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::goals::{MAX_COMMENT, MAX_MESSAGE, MAX_STORY, MAX_TITLE};

    fn raised(script: &Goal) -> i64 {
        script.gifts.iter().map(|gift| gift.amount).sum()
    }

    #[test]
    fn what_was_raised_is_what_the_posts_say() {
        let said = [("autumn-market", 124_000), ("soldering-station", 60_000), ("sewing-machine", 80_000)];
        for (post, amount) in said.into_iter().chain([("kiln-shelves", 31_000)]) {
            let script = GOALS.iter().find(|script| script.post == post).unwrap();
            assert_eq!(raised(script), amount, "{post}");
        }
    }

    #[test]
    fn texts_are_what_the_commands_would_have_let_in_and_every_state_is_shown() {
        for script in GOALS {
            assert_eq!(text::line("title", script.title, MAX_TITLE).unwrap(), script.title);
            assert_eq!(text::block("story", script.story, MAX_STORY).unwrap(), script.story);
            assert_eq!(text::line("category", script.category, 50).unwrap().to_lowercase(), script.category);
            assert!(script.gifts.is_sorted_by_key(|gift| gift.after) && script.suggested.len() <= 6);
            for gift in script.gifts {
                assert_eq!(text::block("message", gift.message, MAX_MESSAGE).unwrap(), gift.message);
                for (_, _, body) in gift.comments {
                    assert_eq!(text::block("body", body, MAX_COMMENT).unwrap(), *body);
                }
            }
            for (_, title, body) in script.news {
                assert_eq!(text::line("title", title, MAX_TITLE).unwrap(), *title);
                assert_eq!(text::block("body", body, MAX_STORY).unwrap(), *body);
            }
            let fixed = script.funding == Funding::Fixed;
            // Whoever keeps a fixed goal has reached it; whoever calls one off keeps nothing.
            match script.end {
                End::Open(days) => assert!(!fixed || days.is_some()),
                End::Ended(_) => assert!(!fixed || raised(script) >= script.target),
                End::Cancelled(..) => assert_eq!(raised(script), 0),
            }
        }
        let open = |funding| {
            let open = |script: &&Goal| matches!(script.end, End::Open(_)) && script.funding == funding;
            GOALS.iter().filter(open).any(|script| raised(script) < script.target)
        };
        assert!(open(Funding::Fixed) && open(Funding::Flexible));
        let reached = |script: &Goal| matches!(script.end, End::Open(_)) && raised(script) >= script.target;
        assert!(GOALS.iter().any(reached));
        assert!(GOALS.iter().any(|script| matches!(script.end, End::Ended(_))));
        assert!(GOALS.iter().any(|script| matches!(script.end, End::Cancelled(..))));
    }
}
