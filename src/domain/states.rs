//! How things stand, as errors tell it: what is stored has the spelling of its time, and no language.

use crate::{
    entity::{
        goal::GoalState, payment::PaymentState, payment_dispute::DisputeState, refund::RefundState,
        wallet_adjustment::AdjustmentState, withdrawal::WithdrawalState,
    },
    error::State,
};

macro_rules! told {
    ($($entity:ident { $($variant:ident => $state:ident,)+ })+) => {$(
        impl From<$entity> for State {
            fn from(state: $entity) -> Self {
                match state { $($entity::$variant => Self::$state,)+ }
            }
        }
    )+};
}

told! {
    GoalState {
        Open => Open,
        Ended => Ended,
        Failed => Failed,
        Cancelled => Canceled,
    }
    PaymentState {
        Created => Created,
        Pending => Pending,
        Processing => Processing,
        Authorized => Authorized,
        Completed => Completed,
        Failed => Failed,
        Cancelled => Canceled,
        Expired => Expired,
    }
    RefundState {
        Requested => Requested,
        Refused => Refused,
        Granted => Granted,
        Pending => Pending,
        Succeeded => Succeeded,
        Failed => Failed,
    }
    WithdrawalState {
        Requested => Requested,
        Approved => Approved,
        Paid => Paid,
        Failed => Failed,
        Returned => Returned,
        Cancelled => Canceled,
    }
    AdjustmentState {
        Proposed => Proposed,
        Applied => Applied,
        Refused => Refused,
    }
    DisputeState {
        Open => Open,
        Won => Won,
        Lost => Lost,
    }
}
