//! What messages say, in English and Arabic: one list, a template each.
//!
//! `{{ name }}` and the like are filled with the message's parameters; one that is missing must leave a sentence that
//! can be read. After the first paragraph come the code and the link, if there are any, then the other paragraphs.
//! Numbers stand after a colon, because Arabic bends the noun to them.

use super::Template;
use crate::error::Locale;

/// The words of one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub subject: &'static str,
    pub paragraphs: &'static [&'static str],
    /// On the button that the link is made.
    pub action: &'static str,
    /// As a text message, before the code; empty: the subject.
    pub sms: &'static str,
    /// As a text message, after the code.
    pub sms_ending: &'static str,
}

const fn words(subject: &'static str, paragraphs: &'static [&'static str]) -> Words {
    Words { subject, paragraphs, action: "", sms: "", sms_ending: "" }
}

impl Words {
    const fn action(self, action: &'static str) -> Self {
        Self { action, ..self }
    }

    const fn sms(self, sms: &'static str, sms_ending: &'static str) -> Self {
        Self { sms, sms_ending, ..self }
    }
}

/// Which way a language runs.
pub(super) fn direction(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "ltr",
        Locale::Arabic => "rtl",
    }
}

/// How a person is addressed.
pub(super) fn greeting(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "{% if name %}Hello {{ name }},{% else %}Hello,{% endif %}",
        Locale::Arabic => "{% if name %}مرحبًا {{ name }}،{% else %}مرحبًا،{% endif %}",
    }
}

/// What stands under every message.
pub(super) fn footer(locale: Locale) -> &'static str {
    match locale {
        Locale::English => {
            "This message was sent by {{ service }}. {{ service }} will never ask you for your password or for a code."
        }
        Locale::Arabic => "أُرسلت هذه الرسالة من {{ service }}. لن يسألك أحد منّا أبدًا عن كلمة المرور أو عن رمز.",
    }
}

/// On the link by which a receiver wants no more of the same.
pub(super) fn unsubscribe(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "Unsubscribe",
        Locale::Arabic => "إلغاء الاشتراك",
    }
}

/// The words of a message in a language.
pub(super) fn of(template: Template, locale: Locale) -> Words {
    match locale {
        Locale::English => english(template),
        Locale::Arabic => arabic(template),
    }
}

const MINUTES: &str = "{% if minutes %}It is good for {{ minutes }} minutes.{% endif %}";
const GOOD_FOR: &str = "{% if minutes %}The code is good for {{ minutes }} minutes{% if hours %}, the link for {{ hours }} hours; each works once{% endif %}.{% endif %}";
const NOT_YOU: &str = "If this was not you, set a new password at once and end all other sessions.";
const IGNORE: &str = "If you did not ask for this, you can ignore this message.";
const NOBODY: &str = "Don't share it with anybody.";

fn english(template: Template) -> Words {
    match template {
        Template::EmailVerification => words(
            "Confirm your e-mail address",
            &["Confirm with this code, or with the link, that this e-mail address is yours.", GOOD_FOR, IGNORE],
        )
        .action("Confirm the address"),
        Template::EmailChange => words(
            "Confirm your new e-mail address",
            &["Confirm with this code, or with the link, that this is to be the e-mail address of your account.", GOOD_FOR, IGNORE],
        )
        .action("Confirm the address"),
        Template::EmailChanged => words(
            "Your e-mail address was changed",
            &[
                "The e-mail address of your account was changed{% if email %} to {{ email }}{% endif %}. This one no longer belongs to it.",
                "If this was not you, write to us at once.",
            ],
        ),
        Template::AlreadyRegistered => words(
            "You have an account already",
            &[
                "Somebody tried to use this e-mail address, but it has an account already. If it was you, sign in; if you forgot the password, set a new one.",
                IGNORE,
            ],
        )
        .action("Sign in"),
        Template::PhoneVerification => words(
            "Confirm your telephone number",
            &["Confirm with this code that this telephone number is yours.", MINUTES, IGNORE],
        )
        .sms("{{ service }}: the code that confirms your number{% if minutes %}, good for {{ minutes }} min{% endif %}:", NOBODY),
        Template::PasswordReset => words(
            "Choose a new password",
            &[
                "Choose a new password with this code or with the link.",
                GOOD_FOR,
                "If you did not ask for this, you can ignore this message: your password stays as it is.",
            ],
        )
        .action("Choose a password"),
        Template::PasswordChanged => words(
            "Your password was changed",
            &[
                "The password of your account was changed{% if at %} on {{ at }}{% endif %}{% if address %}, from the network address {{ address }}{% endif %}. All other sessions have ended.",
                NOT_YOU,
            ],
        ),
        Template::TwoFactorCode => words(
            "Your sign-in code",
            &["Use this code to finish signing in.", MINUTES, NOT_YOU],
        )
        .sms("{{ service }}: your sign-in code{% if minutes %}, good for {{ minutes }} min{% endif %}:", NOBODY),
        Template::ReauthenticationCode => words(
            "Your confirmation code",
            &["Prove with this code that it is you.", MINUTES, NOT_YOU],
        )
        .sms("{{ service }}: your confirmation code{% if minutes %}, good for {{ minutes }} min{% endif %}:", NOBODY),
        Template::TwoFactorEnabled => words(
            "Two-factor authentication is on",
            &["From now on a sign-in to your account needs a second proof. Keep your backup codes in a safe place.", NOT_YOU],
        ),
        Template::TwoFactorDisabled => words(
            "Two-factor authentication is off",
            &["From now on a sign-in to your account needs the password only.", NOT_YOU],
        ),
        Template::BackupCodeUsed => words(
            "A backup code was used",
            &[
                "Somebody signed in to your account with one of your backup codes; it can't be used again.{% if left %} Codes that are left: {{ left }}.{% endif %}",
                "If this was not you, set a new password and new backup codes at once.",
            ],
        ),
        Template::NewDevice => words(
            "A sign-in from a new device",
            &[
                "Somebody signed in to your account from a device that was not seen before.",
                "{% if at %}When: {{ at }}.{% endif %}{% if address %} Address: {{ address }}.{% endif %}{% if device %} Device: {{ device }}.{% endif %}",
                NOT_YOU,
            ],
        ),
        Template::IdentityLinked => words(
            "A way to sign in was added",
            &["{% if provider %}An account at {{ provider }}{% else %}An account elsewhere{% endif %} can now be used to sign in to yours.", NOT_YOU],
        ),
        Template::IdentityUnlinked => words(
            "A way to sign in was removed",
            &["{% if provider %}An account at {{ provider }}{% else %}An account elsewhere{% endif %} can no longer be used to sign in to yours.", NOT_YOU],
        ),
        Template::AccountSuspended => words(
            "Your account is suspended",
            &[
                "Your account is suspended{% if until %} until {{ until }}{% endif %}: you can't sign in.",
                "{% if reason %}The reason: {{ reason }}{% endif %}",
            ],
        ),
        Template::AccountReinstated => {
            words("Your account is open again", &["Your account is no longer suspended: you can sign in again."])
        }
        Template::DeletionScheduled => words(
            "Your account is going to be deleted",
            &[
                "As you wished, your account will be deleted{% if at %} on {{ at }}{% endif %}. Until then you can sign in and change your mind.",
                NOT_YOU,
            ],
        ),
        Template::DeletionCancelled => {
            words("Your account stays", &["Your account is not going to be deleted: everything stays as it was.", NOT_YOU])
        }
        Template::AccountDeleted => {
            words("Your account was deleted", &["Your account and what belonged to it were deleted. This is the last message to this address."])
        }
        Template::ExportReady => words(
            "Your data is ready",
            &[
                "Everything that is held about you can be fetched by this link{% if at %} until {{ at }}{% endif %}.",
                "The link is for you only. If you did not ask for this, set a new password at once.",
            ],
        )
        .action("Fetch your data"),
        Template::PaymentReceipt => words(
            "Receipt for your payment",
            &[
                "We received your payment{% if amount %} of {{ amount }}{% endif %}. Thank you.",
                "{% if what %}For: {{ what }}{% endif %}",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
                "{% if at %}Time: {{ at }}{% endif %}",
            ],
        ),
        Template::RefundReceipt => words(
            "Your money is on its way back",
            &[
                "We gave back a payment of yours{% if amount %}: {{ amount }}{% endif %}. Depending on your bank it takes some days until you see it.",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::RefundCameBack => words(
            "A refund did not reach you",
            &[
                "A payment of yours that we gave back could not be credited to you{% if amount %}: {{ amount }}{% endif %}. The money has come back to us, and is where it was before the refund. We look after it.",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::DebtArose => words(
            "Money that you received was taken back",
            &[
                "A payment that came to you was taken back by who paid it, or by their bank, and the money was no longer here. You owe it{% if amount %}: {{ amount }}{% endif %}. What comes into your wallet pays it first; until then there is nothing that you have to do.",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::PayoutMethodAdded => words(
            "A bank account was added to your wallet",
            &["Money of your wallet can now be paid out to another account{% if what %}: {{ what }}{% endif %}.", NOT_YOU],
        ),
        Template::WithdrawalApproved => words(
            "Your withdrawal was approved",
            &[
                "Your withdrawal is going to be paid{% if amount %}: {{ amount }}{% endif %}{% if what %}, to {{ what }}{% endif %}.",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
                NOT_YOU,
            ],
        ),
        Template::WithdrawalPaid => words(
            "Your withdrawal was paid",
            &[
                "The money of your withdrawal is on its way to your bank{% if amount %}: {{ amount }}{% endif %}{% if what %}, to {{ what }}{% endif %}. Depending on the bank it takes some days until you see it.",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalFailed => words(
            "Your withdrawal could not be paid",
            &[
                "Your withdrawal could not be paid{% if amount %}: {{ amount }}{% endif %}{% if what %}, to {{ what }}{% endif %}. The money is back in your wallet.",
                "{% if reason %}Reason: {{ reason }}{% endif %}",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalReturned => words(
            "Your withdrawal came back from the bank",
            &[
                "The bank has sent back your withdrawal{% if amount %}: {{ amount }}{% endif %}{% if what %}, to {{ what }}{% endif %}. The money is back in your wallet. Look whether the account is still right before you ask for it again.",
                "{% if reason %}Reason: {{ reason }}{% endif %}",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalRefused => words(
            "Your withdrawal was refused",
            &[
                "Your withdrawal was refused{% if amount %}: {{ amount }}{% endif %}. The money is back in your wallet.",
                "{% if reason %}Reason: {{ reason }}{% endif %}",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalExpired => words(
            "Your withdrawal is over",
            &[
                "Nobody decided about your withdrawal in time{% if amount %}: {{ amount }}{% endif %}{% if what %}, to {{ what }}{% endif %}. The money is in your wallet; you can ask for it again.",
                "{% if reference %}Reference: {{ reference }}{% endif %}",
            ],
        ),
        Template::StaffAlert => words(
            "To look into{% if what %}: {{ what }}{% endif %}",
            &[
                "You get this because of your role.",
                "What there is to look into is listed in the administration.",
            ],
        ),
        Template::GoalNews => words(
            "News of a goal that you gave to",
            &[
                "The owner of a goal that you gave to has written something new. It is on the goal's page.",
                "You get this message because you gave to this goal with this e-mail address.",
            ],
        )
        .action("Read on"),
        Template::Digest => words(
            "What you have not read yet",
            &[
                "{% if count %}News since the last digest that you have not read: {{ count }}.{% else %}There is news that you have not read.{% endif %}",
                "You get this because you asked for a daily digest. To switch it off, open the settings of your profile and set the digest to off.",
            ],
        )
        .action("Read on"),
    }
}

const MINUTES_AR: &str = "{% if minutes %}صالح لمدة {{ minutes }} دقيقة.{% endif %}";
const GOOD_FOR_AR: &str = "{% if minutes %}الرمز صالح لمدة {{ minutes }} دقيقة{% if hours %}، والرابط لمدة {{ hours }} ساعة، وكل منهما لمرة واحدة{% endif %}.{% endif %}";
const NOT_YOU_AR: &str = "إذا لم تكن أنت من فعل ذلك، فغيّر كلمة المرور فورًا وأنهِ جميع الجلسات الأخرى.";
const IGNORE_AR: &str = "إذا لم تطلب ذلك، فلا حاجة إلى فعل أي شيء.";
const NOBODY_AR: &str = "لا تعطه لأحد.";

fn arabic(template: Template) -> Words {
    match template {
        Template::EmailVerification => words(
            "أكّد عنوان بريدك الإلكتروني",
            &["أكّد أن عنوان البريد الإلكتروني هذا لك، باستخدام هذا الرمز أو الرابط.", GOOD_FOR_AR, IGNORE_AR],
        )
        .action("تأكيد العنوان"),
        Template::EmailChange => words(
            "أكّد عنوان بريدك الإلكتروني الجديد",
            &["أكّد أن هذا هو العنوان الجديد لحسابك، باستخدام هذا الرمز أو الرابط.", GOOD_FOR_AR, IGNORE_AR],
        )
        .action("تأكيد العنوان"),
        Template::EmailChanged => words(
            "تم تغيير عنوان بريدك الإلكتروني",
            &[
                "تم تغيير عنوان البريد الإلكتروني لحسابك{% if email %} إلى {{ email }}{% endif %}. لم يعد هذا العنوان تابعًا له.",
                "إذا لم تكن أنت من فعل ذلك، فراسلنا فورًا.",
            ],
        ),
        Template::AlreadyRegistered => words(
            "لديك حساب بالفعل",
            &[
                "حاول أحدهم استخدام عنوان البريد الإلكتروني هذا، لكن له حسابًا بالفعل. إن كنت أنت، فسجّل الدخول، وإن نسيت كلمة المرور، فعيّن كلمة جديدة.",
                IGNORE_AR,
            ],
        )
        .action("تسجيل الدخول"),
        Template::PhoneVerification => words(
            "أكّد رقم هاتفك",
            &["أكّد بهذا الرمز أن رقم الهاتف هذا لك.", MINUTES_AR, IGNORE_AR],
        )
        .sms("{{ service }}: رمز تأكيد رقمك{% if minutes %} (الصلاحية بالدقائق: {{ minutes }}){% endif %}:", NOBODY_AR),
        Template::PasswordReset => words(
            "اختر كلمة مرور جديدة",
            &[
                "اختر كلمة مرور جديدة باستخدام هذا الرمز أو الرابط.",
                GOOD_FOR_AR,
                "إذا لم تطلب ذلك، فلا حاجة إلى فعل أي شيء: تبقى كلمة المرور كما هي.",
            ],
        )
        .action("اختيار كلمة المرور"),
        Template::PasswordChanged => words(
            "تم تغيير كلمة المرور",
            &[
                "تم تغيير كلمة مرور حسابك{% if at %} في {{ at }}{% endif %}{% if address %} من عنوان الشبكة {{ address }}{% endif %}. انتهت جميع الجلسات الأخرى.",
                NOT_YOU_AR,
            ],
        ),
        Template::TwoFactorCode => words(
            "رمز تسجيل الدخول",
            &["استخدم هذا الرمز لإكمال تسجيل الدخول.", MINUTES_AR, NOT_YOU_AR],
        )
        .sms("{{ service }}: رمز تسجيل الدخول{% if minutes %} (الصلاحية بالدقائق: {{ minutes }}){% endif %}:", NOBODY_AR),
        Template::ReauthenticationCode => words(
            "رمز التأكيد",
            &["أثبت بهذا الرمز أنك أنت.", MINUTES_AR, NOT_YOU_AR],
        )
        .sms("{{ service }}: رمز التأكيد{% if minutes %} (الصلاحية بالدقائق: {{ minutes }}){% endif %}:", NOBODY_AR),
        Template::TwoFactorEnabled => words(
            "المصادقة الثنائية مفعّلة",
            &["من الآن يحتاج تسجيل الدخول إلى حسابك إلى إثبات ثانٍ. احفظ الرموز الاحتياطية في مكان آمن.", NOT_YOU_AR],
        ),
        Template::TwoFactorDisabled => words(
            "المصادقة الثنائية معطّلة",
            &["من الآن يحتاج تسجيل الدخول إلى حسابك إلى كلمة المرور فقط.", NOT_YOU_AR],
        ),
        Template::BackupCodeUsed => words(
            "استُخدم رمز احتياطي",
            &[
                "سجّل أحدهم الدخول إلى حسابك بأحد رموزك الاحتياطية، ولا يمكن استخدامه مرة أخرى.{% if left %} الرموز المتبقية: {{ left }}.{% endif %}",
                "إذا لم تكن أنت من فعل ذلك، فعيّن كلمة مرور جديدة ورموزًا احتياطية جديدة فورًا.",
            ],
        ),
        Template::NewDevice => words(
            "تسجيل دخول من جهاز جديد",
            &[
                "سجّل أحدهم الدخول إلى حسابك من جهاز لم يُستخدم من قبل.",
                "{% if at %}الوقت: {{ at }}.{% endif %}{% if address %} العنوان: {{ address }}.{% endif %}{% if device %} الجهاز: {{ device }}.{% endif %}",
                NOT_YOU_AR,
            ],
        ),
        Template::IdentityLinked => words(
            "أُضيفت طريقة لتسجيل الدخول",
            &["يمكن الآن تسجيل الدخول إلى حسابك {% if provider %}بحساب لدى {{ provider }}{% else %}بحساب آخر{% endif %}.", NOT_YOU_AR],
        ),
        Template::IdentityUnlinked => words(
            "أُزيلت طريقة لتسجيل الدخول",
            &["لم يعد ممكنًا تسجيل الدخول إلى حسابك {% if provider %}بحساب لدى {{ provider }}{% else %}بحساب آخر{% endif %}.", NOT_YOU_AR],
        ),
        Template::AccountSuspended => words(
            "حسابك موقوف",
            &[
                "حسابك موقوف{% if until %} حتى {{ until }}{% endif %}: لا يمكنك تسجيل الدخول.",
                "{% if reason %}السبب: {{ reason }}{% endif %}",
            ],
        ),
        Template::AccountReinstated => {
            words("حسابك متاح من جديد", &["لم يعد حسابك موقوفًا: يمكنك تسجيل الدخول من جديد."])
        }
        Template::DeletionScheduled => words(
            "سيُحذف حسابك",
            &[
                "كما أردت، سيُحذف حسابك{% if at %} في {{ at }}{% endif %}. حتى ذلك الحين يمكنك تسجيل الدخول والعدول عن ذلك.",
                NOT_YOU_AR,
            ],
        ),
        Template::DeletionCancelled => {
            words("حسابك باقٍ", &["لن يُحذف حسابك: يبقى كل شيء كما كان.", NOT_YOU_AR])
        }
        Template::AccountDeleted => {
            words("حُذف حسابك", &["حُذف حسابك وما يتبعه. هذه آخر رسالة إلى هذا العنوان."])
        }
        Template::ExportReady => words(
            "بياناتك جاهزة",
            &[
                "يمكن تنزيل كل ما نحتفظ به عنك من هذا الرابط{% if at %} حتى {{ at }}{% endif %}.",
                "الرابط لك وحدك. إذا لم تطلب ذلك، فغيّر كلمة المرور فورًا.",
            ],
        )
        .action("تنزيل بياناتك"),
        Template::PaymentReceipt => words(
            "إيصال دفع",
            &[
                "استلمنا دفعتك{% if amount %}: {{ amount }}{% endif %}. شكرًا لك.",
                "{% if what %}مقابل: {{ what }}{% endif %}",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
                "{% if at %}الوقت: {{ at }}{% endif %}",
            ],
        ),
        Template::RefundReceipt => words(
            "أموالك في طريقها إليك",
            &[
                "أعدنا إليك دفعة{% if amount %}: {{ amount }}{% endif %}. قد يستغرق ظهورها بضعة أيام بحسب مصرفك.",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::RefundCameBack => words(
            "تعذّر وصول المبلغ المسترد إليك",
            &[
                "تعذّر إيداع دفعة أعدناها إليك{% if amount %}: {{ amount }}{% endif %}. عاد المبلغ إلينا، وهو حيث كان قبل الاسترداد. نحن نتابع الأمر.",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::DebtArose => words(
            "استُرد مبلغ كنت قد تلقيته",
            &[
                "استرد من دفع إليك مبلغًا، أو استرده مصرفه، ولم يعد المبلغ موجودًا لدينا، فأصبح دينًا عليك{% if amount %}: {{ amount }}{% endif %}. يُسدَّد أولًا مما يدخل محفظتك، ولا يلزمك فعل شيء حتى ذلك الحين.",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::PayoutMethodAdded => words(
            "أُضيف حساب مصرفي إلى محفظتك",
            &["يمكن الآن صرف أموال محفظتك إلى حساب آخر{% if what %}: {{ what }}{% endif %}.", NOT_YOU_AR],
        ),
        Template::WithdrawalApproved => words(
            "تمت الموافقة على طلب السحب",
            &[
                "سيُصرف المبلغ الذي طلبت سحبه{% if amount %}: {{ amount }}{% endif %}{% if what %}، إلى {{ what }}{% endif %}.",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
                NOT_YOU_AR,
            ],
        ),
        Template::WithdrawalPaid => words(
            "صُرف المبلغ الذي سحبته",
            &[
                "المبلغ الذي سحبته في طريقه إلى مصرفك{% if amount %}: {{ amount }}{% endif %}{% if what %}، إلى {{ what }}{% endif %}. قد يستغرق ظهوره بضعة أيام بحسب المصرف.",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalFailed => words(
            "تعذّر صرف المبلغ المسحوب",
            &[
                "تعذّر صرف المبلغ الذي طلبت سحبه{% if amount %}: {{ amount }}{% endif %}{% if what %}، إلى {{ what }}{% endif %}. عاد المال إلى محفظتك.",
                "{% if reason %}السبب: {{ reason }}{% endif %}",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalReturned => words(
            "أعاد المصرف المبلغ المسحوب",
            &[
                "أعاد المصرف المبلغ الذي سحبته{% if amount %}: {{ amount }}{% endif %}{% if what %}، إلى {{ what }}{% endif %}. عاد المال إلى محفظتك. تحقّق من صحة الحساب قبل أن تطلبه من جديد.",
                "{% if reason %}السبب: {{ reason }}{% endif %}",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalRefused => words(
            "رُفض طلب السحب",
            &[
                "رُفض طلب السحب{% if amount %}: {{ amount }}{% endif %}. عاد المال إلى محفظتك.",
                "{% if reason %}السبب: {{ reason }}{% endif %}",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::WithdrawalExpired => words(
            "انتهى طلب السحب",
            &[
                "لم يُبَتّ في طلب السحب في الوقت المحدد{% if amount %}: {{ amount }}{% endif %}{% if what %}، إلى {{ what }}{% endif %}. المبلغ في محفظتك، ويمكنك طلبه من جديد.",
                "{% if reference %}المرجع: {{ reference }}{% endif %}",
            ],
        ),
        Template::StaffAlert => words(
            "للمراجعة{% if what %}: {{ what }}{% endif %}",
            &[
                "تصلك هذه الرسالة بسبب دورك.",
                "ما يحتاج إلى مراجعة مُدرَج في صفحات الإدارة.",
            ],
        ),
        Template::GoalNews => words(
            "جديد هدف ساهمت فيه",
            &[
                "كتب صاحب هدف ساهمت فيه شيئًا جديدًا. تجده في صفحة الهدف.",
                "تصلك هذه الرسالة لأنك ساهمت في هذا الهدف بهذا البريد الإلكتروني.",
            ],
        )
        .action("متابعة القراءة"),
        Template::Digest => words(
            "ما لم تقرأه بعد",
            &[
                "{% if count %}الجديد منذ الملخص السابق الذي لم تقرأه: {{ count }}.{% else %}هناك جديد لم تقرأه.{% endif %}",
                "تصلك هذه الرسالة لأنك طلبت ملخصًا يوميًا. لإيقافه، افتح إعدادات ملفك الشخصي وأوقف الملخص.",
            ],
        )
        .action("متابعة القراءة"),
    }
}
