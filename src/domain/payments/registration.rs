//! What payments hand over.

use super::{
    jobs::{ActOnWebhook, CallOff, ForgetMethod, GiveBack, SendReceipt},
    notices::{Disputed, TakenBack},
    privacy,
    processing::{deposits::Deposits, poll},
    rules,
};
use crate::{
    domain::{
        jobs::Handler,
        notifications::NoticeHandler,
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
    notices: &[NoticeHandler::of::<TakenBack>(), NoticeHandler::of::<Disputed>()],
    polls: &[|app, provider| Box::pin(poll::poll_provider(app, provider))],
    retentions: &[Retention { what: "what providers of payments told", prune: |app| Box::pin(privacy::prune(app)) }],
    exports: privacy::EXPORT,
    erase_in: |app, tx, user| Box::pin(privacy::erase_in(app, tx, user)),
    rules: rules::RULES,
    targets: &[&Deposits],
    ..Domain::named("payments")
};
