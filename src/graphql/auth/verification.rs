//! Proving addresses and numbers, as clients see it.

use async_graphql::{Context, InputObject, Object, OneofObject};

use crate::{
    domain::{auth, codes::Received, profiles},
    graphql::{
        accounts::User,
        engine::{
            context::RequestExt,
            error::{Nullable, answer, deeper, flag_payload, nullable, payload},
            rules::Rule,
            scalars::{EmailAddress, PhoneNumber},
        },
        registration::Noun,
    },
};

/// What the proofs of addresses and numbers hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun { rules: &[RULES], ..Noun::EMPTY };

/// Whose address is to be proven.
#[derive(InputObject)]
pub(crate) struct EmailVerificationSendInput {
    /// The address to send to, of whoever it is; absent: your own, for which you have to be signed in.
    email: Option<EmailAddress>,
}

flag_payload! {
    /// What came of `emailVerificationSend`.
    EmailVerificationSendPayload {
        /// True when it was accepted. Whether a message leaves is not told: only its receiver shall know.
        accepted
    }
}

/// A proof that an address is yours: one of these.
#[derive(OneofObject)]
pub(crate) enum EmailVerifyInput {
    /// The `token` in the address of the message's link. It can be used once, within 24 hours, however often the code was
    /// tried.
    Token(String),
    /// The code in the message, and the address that it was sent to.
    EmailCode(EmailCodeInput),
}

/// A code that was sent to an e-mail address.
#[derive(InputObject)]
pub(crate) struct EmailCodeInput {
    /// The address that the code was sent to; absent: your own, for which you have to be signed in.
    email: Option<EmailAddress>,
    /// The code in the message; spaces and hyphens don't matter. It can be tried five times, within an hour.
    code: String,
}

payload! {
    /// What came of `emailVerify`.
    EmailVerifyPayload {
        /// Whose address is proven now; null when `errors` is not empty.
        user: User
    }
}

/// A wish for another address.
#[derive(InputObject)]
pub(crate) struct EmailChangeRequestInput {
    /// The new address, at most 254 characters.
    email: EmailAddress,
}

flag_payload! {
    /// What came of `emailChangeRequest`.
    EmailChangeRequestPayload {
        /// True when it was accepted: the same whether or not the address is somebody else's.
        accepted
    }
}

/// A proof that the new address is yours: one of these.
#[derive(OneofObject)]
pub(crate) enum EmailChangeConfirmInput {
    /// The `token` in the address of the message's link; used once, within 24 hours.
    Token(String),
    /// The code in the message to the new address. It can be tried five times, within an hour.
    Code(String),
}

payload! {
    /// What came of `emailChangeConfirm`.
    EmailChangeConfirmPayload {
        /// You, with the new address; null when `errors` is not empty.
        user: User
    }
}

/// Which number is to be proven.
#[derive(InputObject)]
pub(crate) struct PhoneVerificationSendInput {
    /// The number, with its country code (`+20…`), or as it is written in the country of your profile; absent: the number
    /// of your profile.
    phone: Option<PhoneNumber>,
}

flag_payload! {
    /// What came of `phoneVerificationSend`.
    PhoneVerificationSendPayload {
        /// True when it was accepted: the same whether or not the number is somebody else's.
        accepted
    }
}

/// A proof that a number is yours.
#[derive(InputObject)]
pub(crate) struct PhoneVerifyInput {
    /// The code in the text message; good for ten minutes.
    code: String,
}

payload! {
    /// What came of `phoneVerify`.
    PhoneVerifyPayload {
        /// You, with the number in your profile; null when `errors` is not empty.
        user: User
    }
}

/// Proving addresses and numbers.
#[derive(Default)]
pub(crate) struct VerificationMutation;

/// The rules of the mutations below.
const RULES: &[Rule] = &[
    Rule::of("emailVerificationSend").alone(),
    Rule::of("emailVerify").alone(),
    Rule::of("emailChangeRequest").alone().recent_authentication("whoever has the address can reset the password"),
    Rule::of("emailChangeConfirm").alone(),
    Rule::of("phoneVerificationSend")
        .alone()
        .recent_authentication("a proven number receives codes of the second factor"),
    Rule::of("phoneVerify").alone(),
];

#[Object]
impl VerificationMutation {
    /// Sends the code that proves an e-mail address, again or for the first time. Signed out, by the address: the answer
    /// is the same whether or not anything waits there. UNAUTHENTICATED when nobody is signed in and no address is given.
    /// Codes: BLANK, TOO_LONG, INVALID, INVALID_CHARACTERS, ALREADY_VERIFIED, CODE_SENT_JUST_NOW, TOO_MANY_CODES.
    /// Stands alone in its operation.
    async fn email_verification_send(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose address.")] input: EmailVerificationSendInput,
    ) -> Nullable<EmailVerificationSendPayload> {
        nullable(async {
            let request = ctx.request();
            let email = input.email;
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            answer(request, auth::email_verification_send(app, actor, client, email.as_deref()).await)
        })
        .await
    }

    /// Proves an e-mail address by the link or the code that was sent to it. Works signed out, too: that is how a
    /// registration that waits for its confirmation is completed; sign in afterwards.
    /// Codes: INVALID_CODE, ALREADY_VERIFIED. Stands alone in its operation.
    async fn email_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: EmailVerifyInput,
    ) -> Nullable<EmailVerifyPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = match &input {
                EmailVerifyInput::Token(token) => {
                    auth::email_verify(app, actor, client, None, Received::Link(token)).await
                }
                EmailVerifyInput::EmailCode(EmailCodeInput { email, code }) => {
                    let code = Received::Code(code);
                    let verified = auth::email_verify(app, actor, client, email.as_deref(), code).await;
                    verified.map_err(|error| deeper(error, &["code"], &["emailCode"]))
                }
            };
            answer(request, result)
        })
        .await
    }

    /// Asks for another e-mail address: a code goes to the new one, the old one stays until `emailChangeConfirm`.
    /// Needs a recent authentication: REAUTHENTICATION_REQUIRED.
    /// Codes: BLANK, TOO_LONG, INVALID, INVALID_CHARACTERS, ALREADY_VERIFIED, CODE_SENT_JUST_NOW, TOO_MANY_CODES.
    /// Stands alone in its operation.
    async fn email_change_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new address.")] input: EmailChangeRequestInput,
    ) -> Nullable<EmailChangeRequestPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            answer(request, auth::email_change_request(app, actor, client, &input.email).await)
        })
        .await
    }

    /// Replaces the e-mail address by the new one, which the link or the code proves; the old one is told. TAKEN: somebody
    /// else has proven it, too. Codes: INVALID_CODE, TAKEN. Stands alone in its operation.
    async fn email_change_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: EmailChangeConfirmInput,
    ) -> Nullable<EmailChangeConfirmPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let received = match &input {
                EmailChangeConfirmInput::Token(token) => Received::Link(token),
                EmailChangeConfirmInput::Code(code) => Received::Code(code),
            };
            answer(request, auth::email_change_confirm(app, actor, client, received).await)
        })
        .await
    }

    /// Sends a code by text message to a telephone number, to prove that it is yours. Needs a recent authentication:
    /// REAUTHENTICATION_REQUIRED.
    /// Codes: BLANK, INVALID, ALREADY_VERIFIED, CODE_SENT_JUST_NOW, TOO_MANY_CODES. Stands alone in its operation.
    async fn phone_verification_send(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which number.")] input: PhoneVerificationSendInput,
    ) -> Nullable<PhoneVerificationSendPayload> {
        nullable(async {
            let request = ctx.request();
            let phone = input.phone;
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            answer(request, profiles::phone_verification_send(app, actor, client, phone.as_deref()).await)
        })
        .await
    }

    /// Proves the number that the code was sent to, and puts it into the profile. TAKEN: somebody else has proven it,
    /// too. Codes: INVALID_CODE, TAKEN. Stands alone in its operation.
    async fn phone_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: PhoneVerifyInput,
    ) -> Nullable<PhoneVerifyPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            answer(request, profiles::phone_verify(app, actor, client, &input.code).await)
        })
        .await
    }
}
