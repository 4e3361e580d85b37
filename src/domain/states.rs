//! How things stand, as errors tell it: what is stored has the spelling of its time, and no language. Each noun says it of its
//! own by `told!`; those of payments stand here.

use crate::entity::{payment::PaymentState, payment_dispute::DisputeState, refund::RefundState};

/// Defines how a stored state is told.
macro_rules! told {
    ($($entity:ident { $($variant:ident => $state:ident,)+ })+) => {$(
        impl From<$entity> for $crate::error::State {
            fn from(state: $entity) -> Self {
                match state { $($entity::$variant => Self::$state,)+ }
            }
        }
    )+};
}
pub(super) use told;

told! {
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
    DisputeState {
        Open => Open,
        Won => Won,
        Lost => Lost,
    }
}
