## The page behind the link under news, and on that link in e-mails. The title of the goal comes escaped.

news-by-email = الأخبار بالبريد الإلكتروني
unsubscribe = إلغاء الاشتراك
news-is-on = تصلك رسائل عندما يكون هناك جديد عن «<bdi>{ $goal }</bdi>».
news-is-off = لن تصلك بعد الآن رسائل عن «<bdi>{ $goal }</bdi>».
