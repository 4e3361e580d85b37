//! What payments hand over.

use super::{
    jobs::{ActOnWebhook, CallOff, ForgetMethod, GiveBack, SendReceipt},
    notices::{Disputed, TakenBack},
    privacy,
    processing::{deposits::Deposits, sweep},
    rules,
};
use crate::{
    domain::{
        jobs::Handler,
        notifications::Teller,
        registration::{Domain, Retention},
    },
    entity::event::StreamKind,
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &[
        "payments",
        "payment_events",
        "refunds",
        "payment_disputes",
        "payment_proposals",
        "payment_methods",
        "payment_customers",
        "webhook_events",
    ],
    streams: &[(StreamKind::Payment, "payments")],
    jobs: &[
        Handler::of::<SendReceipt>(),
        Handler::of::<GiveBack>(),
        Handler::of::<CallOff>(),
        Handler::of::<ForgetMethod>(),
        Handler::of::<ActOnWebhook>(),
    ],
    notices: &[Teller::of::<TakenBack>(), Teller::of::<Disputed>()],
    polls: &[|app, provider| Box::pin(sweep::tend_to(app, provider))],
    retentions: &[Retention { what: "what providers of payments told", prune: |app| Box::pin(privacy::prune(app)) }],
    exports: privacy::EXPORT,
    erase_in: |app, tx, user| Box::pin(privacy::erase_in(app, tx, user)),
    rules: rules::RULES,
    targets: &[&Deposits],
    ..Domain::named("payments")
};
