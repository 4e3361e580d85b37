//! What of goals is loaded in batches.

use crate::{
    domain::goals,
    entity::{ContributionCommentId, ContributionId, GoalId, GoalNewsId, GoalWithdrawalId, PostId},
    graphql::engine::loaders::loaders,
};

loaders! {
    /// Goals that the viewer sees.
    GoalsById: GoalId => goals::GoalView = goals::goals_by_id;
    /// The goals that hang on posts.
    GoalsByPost: PostId => goals::GoalView = goals::goals_by_post;
    /// Contributions that the viewer sees.
    ContributionsById: ContributionId => goals::ContributionView = goals::contributions_by_id;
    /// Comments on contributions that the viewer sees.
    ContributionCommentsById: ContributionCommentId => goals::ContributionComment = goals::comments_by_id;
    /// News of goals that the viewer sees.
    GoalNewsById: GoalNewsId => goals::News = goals::news_by_id;
    /// Withdrawals of goals that the viewer may see.
    GoalWithdrawalsById: GoalWithdrawalId => goals::Withdrawal = goals::withdrawals_by_id;
}
