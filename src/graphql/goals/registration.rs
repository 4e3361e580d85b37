//! What goals hand over.

use super::{
    ContributionComment, Goal, GoalContribution, GoalNews, GoalWithdrawal,
    loaders::{ContributionCommentsById, ContributionsById, GoalNewsById, GoalWithdrawalsById, GoalsById},
    mutations, owners,
};
use crate::{
    domain::goals,
    entity::{ContributionCommentId, ContributionId, GoalId, GoalNewsId, GoalWithdrawalId},
    graphql::registration::{ById, Noun},
};

/// What goals hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[mutations::RULES, owners::RULES],
    ids: &[
        ById::loaded::<GoalsById, Goal>(GoalId::PREFIX),
        ById::loaded::<ContributionsById, GoalContribution>(ContributionId::PREFIX),
        ById::loaded::<ContributionCommentsById, ContributionComment>(ContributionCommentId::PREFIX),
        ById::loaded::<GoalNewsById, GoalNews>(GoalNewsId::PREFIX),
        ById::loaded::<GoalWithdrawalsById, GoalWithdrawal>(GoalWithdrawalId::PREFIX),
    ],
    texts: &[
        ("ContributionComment", "body", goals::MAX_COMMENT as u64),
        ("Goal", "coverUrl", 512),
        ("Goal", "endReason", goals::MAX_REASON as u64),
        ("Goal", "story", goals::MAX_STORY as u64),
        ("GoalContribution", "message", goals::MAX_MESSAGE as u64),
        ("GoalNews", "body", goals::MAX_STORY as u64),
    ],
    short_texts: &[
        "Goal.category",
        "Goal.streamCursor",
        "Goal.title",
        "GoalContributePayload.guestToken",
        "GoalContribution.guestEmail",
        "GoalContribution.name",
        "GoalNews.title",
    ],
    interfaces: &[
        ("Commentable", &["GoalContribution"]),
        ("Discussion", &["ContributionCommentConnection"]),
        ("DiscussionEdge", &["ContributionCommentEdge"]),
        ("DiscussionComment", &["ContributionComment"]),
    ],
    lists: &[("Goal", "suggestedAmounts", 6)],
};
