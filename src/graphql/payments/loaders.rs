//! What of payments is loaded in batches.

use uuid::Uuid;

use crate::{
    domain::payments,
    entity::{DisputeId, PaymentId, PaymentMethodId, RefundId, payment_dispute, payment_event, payment_method, refund},
    graphql::engine::loaders::loaders,
};

loaders! {
    /// Payments that the viewer may see.
    PaymentsById: PaymentId => payments::Payment = payments::payments_by_id;
    /// The refunds of payments.
    RefundsByPayment: PaymentId => Vec<refund::Model> = payments::refunds_by_payment;
    /// The disputes of payments.
    DisputesByPayment: PaymentId => Vec<payment_dispute::Model> = payments::disputes_by_payment;
    /// Disputes that the viewer may see.
    DisputesById: DisputeId => payments::DisputeOfPayment = payments::disputes_by_id;
    /// Refunds that the viewer may see.
    RefundsById: RefundId => payments::RefundOfPayment = payments::refunds_by_id;
    /// The payments and refunds that wait for a second person, for those who may see that.
    Proposals: Uuid => bool = payments::awaited;
    /// The steps of payments.
    StepsByPayment: PaymentId => Vec<payment_event::Model> = payments::events_by_payment;
    /// The viewer's own ways to pay.
    PaymentMethodsById: PaymentMethodId => payment_method::Model = payments::payment_methods_by_id;
}
