//! Changing and resetting a password, as clients see it.

use async_graphql::{Context, InputObject, Object, OneofObject};

use crate::{
    domain::auth::{self, ResetProof},
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            error::{Nullable, answer, deeper, flag_payload, nullable},
            rules::Rule,
            scalars::EmailAddress,
        },
        registration::Noun,
    },
};

/// What passwords hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun { rules: &[RULES], ..Noun::EMPTY };

/// A change of one's own password.
#[derive(InputObject)]
pub(crate) struct PasswordChangeInput {
    /// The present password.
    old_password: String,
    /// 10 to 128 characters, not an often used one, not made of the user name or address.
    new_password: String,
}

flag_payload! {
    /// What came of `passwordChange`.
    PasswordChangePayload {
        /// Whether the password is the new one.
        changed
    } also {
        /// You, with the session that is left; null when `errors` is not empty.
        user: User = viewer,
    }
}

/// A wish for a new password by who can't sign in.
#[derive(InputObject)]
pub(crate) struct PasswordResetRequestInput {
    /// The e-mail address of the account.
    email: EmailAddress,
}

flag_payload! {
    /// What came of `passwordResetRequest`.
    PasswordResetRequestPayload {
        /// True when it was accepted: the same whether or not there is such an account.
        accepted
    }
}

/// A proof that an account is yours to which you can't sign in: one of these.
#[derive(OneofObject)]
pub(crate) enum PasswordResetProofInput {
    /// The `token` in the address of the message's link. It can be used once, within 24 hours, however often the code was
    /// tried.
    Token(String),
    /// The code in the message, and the address that it was sent to.
    EmailCode(PasswordResetCodeInput),
}

impl PasswordResetProofInput {
    /// The proof, and where in the input it stands.
    fn proof(&self) -> (ResetProof<'_>, &'static [&'static str]) {
        match self {
            Self::Token(token) => (ResetProof::Link(token), &["proof"]),
            Self::EmailCode(PasswordResetCodeInput { email, code }) => {
                (ResetProof::Code { email, code }, &["proof", "emailCode"])
            }
        }
    }
}

/// A code of `passwordResetRequest`.
#[derive(InputObject)]
pub(crate) struct PasswordResetCodeInput {
    /// The e-mail address that the code was sent to.
    email: EmailAddress,
    /// The code in the message; spaces and hyphens don't matter. It can be tried five times, within 30 minutes.
    code: String,
}

/// A new password, with the proof that the account is yours.
#[derive(InputObject)]
pub(crate) struct PasswordResetConfirmInput {
    /// What proves that the account is yours.
    proof: PasswordResetProofInput,
    /// 10 to 128 characters, not an often used one, not made of the user name or address.
    new_password: String,
}

flag_payload! {
    /// What came of `passwordResetConfirm`.
    PasswordResetConfirmPayload {
        /// Whether the password is the new one: sign in with it.
        changed
    }
}

/// The mutations that change and reset passwords.
#[derive(Default)]
pub(crate) struct PasswordMutation;

/// The rules of the mutations below.
const RULES: &[Rule] = &[
    Rule::of("passwordChange").alone(),
    Rule::of("passwordResetRequest").alone(),
    Rule::of("passwordResetConfirm").alone(),
];

#[Object]
impl PasswordMutation {
    /// Changes one's own password. Every other session ends, this one stays; the owner is notified by e-mail.
    /// Codes: BLANK, TOO_SHORT, TOO_LONG, PASSWORD_TOO_WEAK, WRONG_PASSWORD, NO_PASSWORD. Stands alone in its operation.
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The old and the new one.")] input: PasswordChangeInput,
    ) -> Nullable<PasswordChangePayload> {
        nullable(async {
            let request = ctx.request();
            let (old, new) = (input.old_password.into(), input.new_password.into());
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            answer(request, auth::password_change(app, actor, client, &old, &new).await)
        })
        .await
    }

    /// Sends a code and a link to choose a new password, to the address if it is an account's. The answer is the same in any case.
    /// Codes: BLANK, TOO_LONG, INVALID, INVALID_CHARACTERS. Stands alone in its operation.
    async fn password_reset_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose password is to be replaced.")] input: PasswordResetRequestInput,
    ) -> Nullable<PasswordResetRequestPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, auth::password_reset_request(&request.app, &request.client, &input.email).await)
        })
        .await
    }

    /// Chooses a new password by the link or the code of `passwordResetRequest`. Every session ends, nobody is signed in by
    /// it, and a second factor is asked for as before; the address counts as verified.
    /// Codes: BLANK, TOO_SHORT, TOO_LONG, PASSWORD_TOO_WEAK, INVALID_CODE. Stands alone in its operation.
    async fn password_reset_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof and the new password.")] input: PasswordResetConfirmInput,
    ) -> Nullable<PasswordResetConfirmPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, client) = (&request.app, &request.client);
            let (proof, place) = input.proof.proof();
            let new = input.new_password.into();
            let result = auth::password_reset_confirm(app, client, proof, &new).await;
            answer(request, result.map_err(|error| deeper(error, &["code", "token"], place)))
        })
        .await
    }
}
