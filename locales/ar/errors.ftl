## Refusals of the whole request: what is said where nothing says more, a message per code.

unauthenticated = سجّل الدخول أولًا: هذا يتطلب رمز دخول صالحًا.
forbidden = لا يُسمح لك بهذا.
reauthentication-required = أثبت هويتك من جديد عبر `reauthenticate`، ثم أعد المحاولة.
two-factor-setup-required = دورك يتطلب المصادقة الثنائية: فعّلها، ثم جدّد الجلسة.
rate-limited = طلبات كثيرة جدًا؛ حاول مرة أخرى بعد قليل.
cost-exceeded = هذا الطلب أكبر مما هو مسموح به؛ اطلب أقل في المرة الواحدة.
timeout = استغرق هذا وقتًا أطول من اللازم.
unavailable = الخدمة غير متاحة الآن؛ حاول مرة أخرى بعد قليل.
internal = حدث خطأ من جانبنا؛ رقم الطلب يساعد على معرفة السبب.

## Refusals of the whole request: more precise ones.

token-refused = انتهت صلاحية رمز الدخول أو جلسته، أو ليس من رموزنا: جدّد الجلسة أو سجّل الدخول.
session-over = { unauthenticated }
operation-not-trusted = لا تُنفَّذ هنا إلا العمليات الموثوقة، وهذه ليست منها.
origin-not-allowed = لا يُسمح لصفحات هذا الموقع باستدعاء هذا الخادم.
too-many-requests = طلبات كثيرة جدًا؛ حاول مرة أخرى بعد { $seconds } ثانية.
too-many-tries = محاولات فاشلة كثيرة جدًا؛ حاول مرة أخرى بعد { $seconds } ثانية.
too-much-at-once = تطلب الكثير في آن واحد: ما طلبته من قبل لا يزال قيد التنفيذ. حاول مرة أخرى بعد ثانية.
over-limit = { cost-exceeded }
answer-too-large = { cost-exceeded }
done-but-answer-too-large = تم هذا، لكن الإجابة أكبر مما هو مسموح به: اطلب منها ما تحتاجه.
not-done-in-time = لم يتم هذا خلال { $seconds } ثانية.
perhaps-done-later = لم يتم هذا خلال { $seconds } ثانية، وقد يتم بعدها؛ حاول مرة أخرى بمفتاح التكرار نفسه.
database-slow = { timeout }
database-busy = { unavailable }
database-unavailable = { unavailable }
outcome-unknown = توقفت قاعدة البيانات عن الرد أثناء الحفظ، ولا يُعرف هل حُفظ هذا: تحقّق، أو أرسله مرة أخرى بمفتاح التكرار نفسه.
too-many-connections = { unavailable }
sign-in-busy = عدد كبير من الناس يسجّلون الدخول الآن؛ حاول مرة أخرى.
catching-up-busy = يُستدرك الكثير الآن؛ تابع من مؤشرك لاحقًا.
events-busy = يحدث الكثير في آن واحد؛ تابع من مؤشرك لاحقًا.
payment-provider-unavailable = تعذّر الوصول إلى مزوّد الدفع؛ حاول مرة أخرى.
payment-provider-unavailable-with-key = تعذّر الوصول إلى مزوّد الدفع؛ حاول مرة أخرى بالمفتاح نفسه.

## User errors: what is wrong with the input, a message per code.

error-blank = لا يمكن أن يكون هذا الحقل فارغًا.
error-too-long = الحد الأقصى هو { $max } حرفًا.
error-too-short = مطلوب { $min } أحرف على الأقل.
error-invalid = قيمة غير صالحة: { $reason }
error-invalid-characters = يحتوي هذا على أحرف غير مسموح بها.
error-invalid-id = هذا ليس معرّفًا صحيحًا.
error-not-found = غير موجود أو لا يمكنك رؤيته.
error-not-allowed = لا يمكنك تغيير هذا.
error-taken = هذا مستخدَم من قبل.
error-reserved = هذا الاسم محجوز.
error-too-soon = هذا ممكن مرة أخرى في { $at }.
error-password-too-weak = كلمة المرور سهلة التخمين؛ اختر كلمة أطول أو أقل شيوعًا.
error-invalid-credentials = اسم الدخول أو كلمة المرور غير صحيحة.
error-email-not-confirmed = أكّد عنوان بريدك الإلكتروني أولًا.
error-invalid-refresh-token = انتهت الجلسة؛ سجّل الدخول من جديد.
error-invalid-code = هذا الرمز غير صحيح أو لم يعد صالحًا.
error-code-sent-just-now = أُرسل رمز للتو؛ يمكن إرسال رمز آخر في { $at }.
error-too-many-codes = أُرسلت رموز كثيرة اليوم؛ حاول غدًا.
error-already-verified = تم التحقق من هذا من قبل.
error-wrong-password = كلمة المرور غير صحيحة.
error-no-password = لا توجد كلمة مرور لهذا الحساب؛ أنشئ واحدة عبر إعادة التعيين.
error-account-suspended = هذا الحساب موقوف حتى { $until }: { $reason }
error-invalid-challenge = استغرق تسجيل الدخول وقتًا أطول من اللازم أو تكررت المحاولات؛ سجّل الدخول من جديد.
error-two-factor-enabled = المصادقة الثنائية مفعّلة من قبل.
error-two-factor-not-enabled = المصادقة الثنائية غير مُعدّة.
error-two-factor-required = دورك يتطلب المصادقة الثنائية.
error-method-not-available = هذه الطريقة غير متاحة لهذا الحساب.
error-provider-failed = لم ينجح تسجيل الدخول لدى المزوّد؛ ابدأ من جديد.
error-provider-email-unverified = لم يقدّم المزوّد بريدًا إلكترونيًا مؤكَّدًا؛ أكّده لديه، أو سجّل الدخول هنا ثم اربط المزوّد.
error-link-required = يوجد حساب بهذا العنوان؛ سجّل الدخول إليه ثم اربط المزوّد.
error-already-linked = هذه الهوية مرتبطة من قبل.
error-last-way-in = هذه آخر طريقة لتسجيل الدخول؛ أنشئ كلمة مرور أو اربط مزوّدًا آخر أولًا.
error-last-owner = لا يمكن إزالة المالك الأخير.
error-beyond-your-rights = هذا يتطلب صلاحيات لا تملكها.
error-already-done = تم هذا من قبل.
error-insufficient-funds = الرصيد غير كافٍ لهذا.
error-invalid-amount = مبلغ غير ممكن: يجب أن يكون أكبر من الصفر، ولا تزيد خاناته العشرية على ما لعملة { $currency }.
error-amount-too-small = الحد الأدنى هو { $min }.
error-amount-too-large = الحد الأقصى هو { $max }.
error-currency-mismatch = العملة هنا هي { $currency }.
error-provider-not-available = طريقة الدفع هذه غير متاحة لهذا.
error-wrong-state = لم يعد هذا ممكنًا: الحالة «{ $state }».
error-payment-refused = رُفض الدفع: { $reason }
error-second-person-needed = يجب أن يوافق شخص آخر على هذا.
error-goal-closed = لم يعد هذا الهدف يقبل المساهمات.
error-too-many = الحد الأقصى هو { $max }.
error-already-exists = يوجد واحد من قبل.
error-wallet-not-empty = لا يزال في المحفظة مال أو في الطريق منها؛ اسحبه أولًا.
error-idempotency-key-reused = استُخدم مفتاح التكرار هذا مع مدخلات أخرى.

## User errors: what is expected, after “This is not valid:”.

expected-username = حروف لاتينية وأرقام وشرطات سفلية، تبدأ بحرف.
expected-one-script = المطلوب أن تكون حروف كل كلمة من أبجدية واحدة.
expected-email = المطلوب عنوان بريد إلكتروني.
expected-https-address = المطلوب عنوان عام يبدأ بـ https.
expected-phone = المطلوب رقم هاتف مع رمز الدولة، مثل ‎+201001234567.
expected-country = المطلوب رمز الدولة من حرفين حسب ISO 3166-1، مثل EG.
expected-birth-date = المطلوب تاريخ في الماضي لا يسبق عام 1900.
expected-currency = المطلوب مبلغ لا يقل عن 0، من عشرة أرقام على الأكثر، ولا تزيد خاناته العشرية على ما للعملة.
expected-provider = مزوّد تسجيل الدخول هذا غير مُعَدّ هنا.
expected-relative-path = المطلوب مسار داخل الواجهة، مثل ‎/settings.
expected-future = المطلوب وقت في المستقبل.
expected-iban = المطلوب رقم آيبان مع رمز الدولة وأرقام تحقق صحيحة.
expected-account-number = المطلوب من 4 إلى 34 حرفًا لاتينيًا أو رقمًا.
expected-deadline = المطلوب وقت في المستقبل، خلال سنة على الأكثر.
expected-suggested-amounts = المطلوب ستة مبالغ على الأكثر.
expected-time = المطلوب وقت مع فارق التوقيت، مثل ‎2030-12-31T18:00:00Z.
expected-day = المطلوب تاريخ، مثل ‎2001-12-31.
expected-decimal-number = المطلوب عدد عشري، مثل ‎12.50.
expected-currency-code = المطلوب رمز عملة حسب ISO 4217، مثل USD.
expected-integer = المطلوب عدد صحيح بين ‎-2147483648 و‎2147483647.
expected-guest-key = يجب أن يكون مفتاح الضيف وسرّه مما لا يمكن تخمينه وأن يختلفا، مثل UUID عشوائي لكل منهما.

## How something stands that can't be changed any more: completes `error-wrong-state`.

state-created = في البداية
state-pending = قيد الانتظار
state-processing = قيد المعالجة
state-authorized = مُصرَّح به
state-completed = مكتمل
state-failed = فشل
state-canceled = ملغى
state-expired = انتهت مهلته
state-open = مفتوح
state-ended = منتهٍ
state-requested = بانتظار قرار
state-refused = مرفوض
state-granted = تمت الموافقة عليه
state-succeeded = تم
state-approved = معتمد
state-paid = مدفوع
state-returned = أعاده البنك
state-proposed = مقترح
state-applied = نُفّذ
state-won = كُسب
state-lost = خُسر
state-not-reached = لم يُبلغ الهدف
state-withdrawn = سُحب المال
state-given-back = رُدّ كله
state-not-possible = غير ممكن
state-paid-otherwise = يُدفع بطريقة أخرى

## Until when somebody is suspended, where that has no end: completes `error-account-suspended`.

further-notice = إشعار آخر
