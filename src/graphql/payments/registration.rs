//! What payments hand over.

use super::{
    Dispute, Payment, PaymentMethod, Refund,
    loaders::{DisputesById, PaymentMethodsById, PaymentsById, RefundsById},
    methods, mutations, staff,
};
use crate::{
    domain::payments,
    entity::{DisputeId, PaymentId, PaymentMethodId, PaymentProviderId, RefundId},
    graphql::{
        engine::context::RequestExt,
        node::Node,
        registration::{ById, Noun},
    },
};

/// What payments hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[mutations::RULES, methods::RULES, staff::RULES],
    ids: &[
        ById::loaded::<PaymentsById, Payment>(PaymentId::PREFIX),
        ById::loaded::<RefundsById, Refund>(RefundId::PREFIX),
        ById::loaded::<DisputesById, Dispute>(DisputeId::PREFIX),
        ById::loaded::<PaymentMethodsById, PaymentMethod>(PaymentMethodId::PREFIX),
        ById {
            prefix: PaymentProviderId::PREFIX,
            find: |ctx, uuid| {
                Box::pin(async move {
                    let found = payments::offers(&ctx.request().app).into_iter().find(|offer| offer.id.0 == uuid);
                    Ok(found.map(|offer| Node::PaymentProviderInfo(offer.into())))
                })
            },
        },
    ],
    texts: &[
        ("Payment", "providerAnswer", 8_000),
        ("PaymentNextAction", "clientSecret", 1_000),
        ("PaymentNextAction", "instructions", 1_000),
        ("PaymentNextAction", "url", 2_000),
        ("Refund", "decisionReason", 500),
        ("Refund", "reason", 500),
    ],
    short_texts: &[
        "AdminProviderSettlement.reference",
        "Dispute.providerReference",
        "Dispute.reason",
        "Payment.failure",
        "Payment.proof",
        "Payment.providerReference",
        "Payment.streamCursor",
        "PaymentCreatePayload.guestToken",
        "PaymentMethod.brand",
        "PaymentMethod.lastFour",
        "PaymentNextAction.publicKey",
        "PaymentNextAction.reference",
        "PaymentProviderInfo.publicKey",
        "PaymentStep.detail",
        "PaymentStep.kind",
        "Refund.failure",
    ],
    lists: &[
        ("Payment", "disputes", 2),
        ("Payment", "events", 10),
        ("Payment", "refunds", 5),
        ("Query", "paymentProviders", 7),
        ("User", "paymentMethods", 20),
    ],
    ..Noun::EMPTY
};
