//! Money that no provider speaks of, by bank transfer and in cash: people say what came and went; of large amounts two have to
//! say the same.

pub(super) mod payments;
pub(super) mod proposals;
pub(super) mod refunds;
